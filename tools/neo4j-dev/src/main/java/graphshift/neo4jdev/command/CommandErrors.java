// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import org.neo4j.dbms.api.DatabaseAliasExistsException;
import org.neo4j.dbms.api.DatabaseExistsException;
import org.neo4j.dbms.api.DatabaseLimitReachedException;
import org.neo4j.dbms.api.DatabaseNotFoundException;
import org.neo4j.exceptions.InvalidArgumentException;
import org.neo4j.gqlstatus.ErrorGqlStatusObject;
import org.neo4j.gqlstatus.ErrorGqlStatusObjectImplementation;
import org.neo4j.gqlstatus.GqlHelper;
import org.neo4j.gqlstatus.GqlParams;
import org.neo4j.gqlstatus.GqlStatusInfoCodes;

import java.util.List;

/** The kernel's own exceptions with the codes, statuses and words that the real server answers. */
final class CommandErrors {
    private CommandErrors() {}

    /**
     * {@code Neo.ClientError.Statement.ArgumentError}, with the status that the kernel gives where
     * none is named.
     */
    static InvalidArgumentException invalid(String message) {
        return invalid(message, null);
    }

    @SuppressWarnings(
            "deprecation") // The other constructors want a status, and none is known to be the real
    // one.
    static InvalidArgumentException invalid(String message, Throwable cause) {
        return new InvalidArgumentException(message, cause);
    }

    /**
     * @param what {@code database} or {@code database alias}
     */
    static DatabaseExistsException exists(String what, String name) {
        return new DatabaseExistsException(
                existsStatus(name),
                "Failed to create the specified %s '%s': Database name or alias already exists."
                        .formatted(what, name));
    }

    /** {@code CREATE OR REPLACE ALIAS} replaces an alias, never a database. */
    static DatabaseExistsException isDatabase(String alias) {
        return new DatabaseExistsException(
                existsStatus(alias),
                "Failed to create the specified database alias '%s': Database exists with that name."
                        .formatted(alias));
    }

    static DatabaseNotFoundException noAlias(String action, String alias) {
        return new DatabaseNotFoundException(
                GqlHelper.getGql42002_42N00(alias),
                "Failed to %s the specified database alias '%s': Database alias does not exist."
                        .formatted(action, alias));
    }

    static DatabaseAliasExistsException hasAliases(String database, List<String> aliases) {
        var status =
                ErrorGqlStatusObjectImplementation.from(GqlStatusInfoCodes.STATUS_42N82)
                        .withParam(GqlParams.StringParam.db1, database)
                        .withParam(GqlParams.StringParam.db2, String.join("`, `", aliases))
                        .build();
        return new DatabaseAliasExistsException(
                status,
                "Failed to delete the specified database '%s': Database has one or more aliases. Drop the aliases: ['%s'] before dropping the database."
                        .formatted(database, String.join("', '", aliases)));
    }

    static DatabaseLimitReachedException limitReached(String database) {
        var status =
                ErrorGqlStatusObjectImplementation.from(GqlStatusInfoCodes.STATUS_51N55)
                        .withParam(GqlParams.StringParam.db, database)
                        .withParam(GqlParams.StringParam.cfgSetting, "dbms.max_databases")
                        .build();
        return new DatabaseLimitReachedException(
                status, "Failed to create the specified database '%s':".formatted(database));
    }

    private static ErrorGqlStatusObject existsStatus(String name) {
        return ErrorGqlStatusObjectImplementation.from(GqlStatusInfoCodes.STATUS_42N11)
                .withParam(GqlParams.StringParam.db, name)
                .build();
    }
}
