// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev;

import static org.neo4j.configuration.SettingConstraints.min;
import static org.neo4j.configuration.SettingImpl.newBuilder;
import static org.neo4j.configuration.SettingValueParsers.LONG;

import org.neo4j.configuration.Description;
import org.neo4j.configuration.SettingsDeclaration;
import org.neo4j.graphdb.config.Setting;

/**
 * Settings that the Enterprise edition declares and the Community kernel does not know. Found by
 * the kernel's service loader (META-INF/services), so that {@code SHOW SETTINGS} lists them as the
 * real server does.
 */
public final class DevSettings implements SettingsDeclaration {
    @Description("The maximum number of databases.")
    public static final Setting<Long> max_databases =
            newBuilder("dbms.max_databases", LONG, 100L).addConstraint(min(2L)).build();
}
