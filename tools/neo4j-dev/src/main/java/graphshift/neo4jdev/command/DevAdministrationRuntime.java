// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import org.neo4j.configuration.Config;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.cypher.internal.AdministrationCommandRuntimeContext;
import org.neo4j.cypher.internal.CommunityAdministrationCommandRuntime;
import org.neo4j.cypher.internal.ExecutionPlan;
import org.neo4j.cypher.internal.administration.ShowAliasesExecutionPlanner;
import org.neo4j.cypher.internal.logical.plans.LogSystemCommand;
import org.neo4j.cypher.internal.logical.plans.LogicalPlan;
import org.neo4j.cypher.internal.logical.plans.ShowAliases;
import org.neo4j.cypher.internal.logical.plans.WaitForCompletion;
import org.neo4j.cypher.internal.procs.SystemCommandExecutionPlan;
import org.neo4j.exceptions.CantCompileQueryException;
import org.neo4j.internal.kernel.api.security.AbstractSecurityLog;
import org.neo4j.internal.kernel.api.security.AccessMode;
import org.neo4j.internal.kernel.api.security.SecurityAuthorizationHandler;
import org.neo4j.kernel.database.DatabaseReferenceRepository;
import org.neo4j.values.AnyValue;
import org.neo4j.values.storable.Values;
import org.neo4j.values.virtual.VirtualValues;

import scala.Function1;
import scala.Option;
import scala.PartialFunction;
import scala.runtime.AbstractPartialFunction;

/**
 * The Community runtime for administration commands, with an execution for the plans of databases
 * and aliases.
 *
 * <p>Relies on {@code CommunityAdministrationCommandRuntime.logicalToExecutable} (5.26): a partial
 * function from logical plans to executable ones that the runtime also asks for the sources of a
 * plan, so that our steps and its own stand in one chain.
 */
final class DevAdministrationRuntime extends CommunityAdministrationCommandRuntime {
    private static final long serialVersionUID = 1L;

    private final transient PlanTable table = new PlanTable(this::execution);

    DevAdministrationRuntime(CommunityAdministrationCommandRuntime community) {
        super(
                community.normalExecutionEngine(),
                community.resolver(),
                community.extraLogicalToExecutable());
        var config = resolver().resolveDependency(Config.class);
        new DatabaseCommands(config).addTo(table);
        new AliasCommands().addTo(table);
        table.put(ShowAliases.class, this::showAliases);
        table.put(WaitForCompletion.class, plan -> context -> waitRow(plan, context, config));
        // The planner wraps in it each command that changes something, and no other.
        table.put(
                LogSystemCommand.class,
                plan -> context -> new SerializedCommand(execution(plan.source()).apply(context)));
    }

    @Override
    public PartialFunction<
                    LogicalPlan, Function1<AdministrationCommandRuntimeContext, ExecutionPlan>>
            logicalToExecutable() {
        var community = super.logicalToExecutable();
        return new AbstractPartialFunction<>() {
            @Override
            public boolean isDefinedAt(LogicalPlan plan) {
                return table.find(plan).isPresent() || community.isDefinedAt(plan);
            }

            @Override
            @SuppressWarnings(
                    "unchecked") // Scala's signature has a wider result, which callers leave as it
            // is.
            public <A extends LogicalPlan, B> B applyOrElse(A plan, Function1<A, B> otherwise) {
                var ours = table.find(plan);
                return ours.isPresent() ? (B) ours.get() : community.applyOrElse(plan, otherwise);
            }
        };
    }

    private Function1<AdministrationCommandRuntimeContext, ExecutionPlan> execution(
            LogicalPlan plan) {
        return logicalToExecutable()
                .applyOrElse(
                        plan,
                        unknown -> {
                            throw new CantCompileQueryException(
                                    "Plan is not a recognized database administration command: "
                                            + unknown.getClass().getSimpleName());
                        });
    }

    /** The kernel has this one and its Community edition does not call it. */
    private PlanTable.Execution showAliases(ShowAliases plan) {
        return context ->
                new ShowAliasesExecutionPlanner(
                                normalExecutionEngine(),
                                authorization(),
                                resolver().resolveDependency(DatabaseReferenceRepository.class))
                        .planShowAliasesForDatabase(
                                Option.apply(execution(plan.source()).apply(context)),
                                plan.aliasName(),
                                plan.verbose(),
                                plan.returnColumns(),
                                plan.yields(),
                                plan.returns());
    }

    /**
     * {@code WAIT} answers one row for the one server. The row is written before the commit and
     * says that all went well; the work is done when the statement's transaction has ended, and a
     * failure stands in SHOW DATABASES.
     */
    private ExecutionPlan waitRow(
            WaitForCompletion plan, AdministrationCommandRuntimeContext context, Config config) {
        var address = config.get(BoltConnector.advertised_address).toString();
        return new SystemCommandExecutionPlan(
                "WaitForCompletion",
                normalExecutionEngine(),
                authorization(),
                "RETURN $`__internal_address` AS address, 'CaughtUp' AS state, 'caught up' AS"
                        + " message, true AS success",
                VirtualValues.map(
                        new String[] {"__internal_address"},
                        new AnyValue[] {Values.stringValue(address)}),
                Option.apply(execution(plan.source()).apply(context)),
                true,
                SystemCommandExecutionPlan.$lessinit$greater$default$8(),
                security -> security.withMode(AccessMode.Static.READ));
    }

    private SecurityAuthorizationHandler authorization() {
        return new SecurityAuthorizationHandler(
                resolver().resolveDependency(AbstractSecurityLog.class));
    }
}
