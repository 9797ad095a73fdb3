// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import graphshift.neo4jdev.systemgraph.SystemGraph;

import org.neo4j.cypher.internal.ExecutionPlan;
import org.neo4j.cypher.internal.procs.AdministrationChainedExecutionPlan;
import org.neo4j.cypher.internal.procs.SystemUpdateCountingQueryContext;
import org.neo4j.cypher.internal.procs.UpdatingSystemCommandRuntimeResult;
import org.neo4j.cypher.internal.runtime.ExecutionMode;
import org.neo4j.cypher.internal.util.InternalNotification;
import org.neo4j.cypher.result.RuntimeResult;
import org.neo4j.internal.kernel.api.security.AccessMode;
import org.neo4j.kernel.impl.query.QuerySubscriber;
import org.neo4j.values.virtual.MapValue;

import scala.Option;
import scala.collection.immutable.Set;

/**
 * One step of an administration command: checks or changes the system graph in the statement's own
 * transaction, so that it commits, rolls back, times out and is terminated with it.
 *
 * <p>Relies on {@code AdministrationChainedExecutionPlan} (5.26), which runs the step before this
 * one first and skips this one where that said so.
 */
final class SystemStep extends AdministrationChainedExecutionPlan {
    /**
     * What the step does; an exception of the kernel's own classes reaches the client with its
     * code.
     */
    interface Body {
        void run(SystemGraph graph, MapValue parameters);
    }

    private final Body body;
    private final boolean changes;

    /**
     * @param changes whether the step counts as a system update in the summary of the result
     */
    SystemStep(Option<ExecutionPlan> before, Body body, boolean changes) {
        super(before);
        this.body = body;
        this.changes = changes;
    }

    @Override
    public RuntimeResult runSpecific(
            SystemUpdateCountingQueryContext context,
            ExecutionMode mode,
            MapValue parameters,
            boolean prePopulateResults,
            QuerySubscriber subscriber,
            Set<InternalNotification> notifications) {
        inSystemGraph(context, graph -> body.run(graph, parameters));
        if (changes) context.systemUpdates().increase(1);
        try {
            subscriber.onResult(0);
            subscriber.onResultCompleted(context.getStatistics());
        } catch (Exception problem) {
            throw new IllegalStateException(problem);
        }
        return new UpdatingSystemCommandRuntimeResult(context, Option.empty(), notifications);
    }

    /**
     * The privileges of the caller were checked by the steps before; the graph itself nobody may
     * write.
     */
    static void inSystemGraph(
            SystemUpdateCountingQueryContext context,
            java.util.function.Consumer<SystemGraph> work) {
        var statement = context.kernelTransactionalContext();
        var everything = statement.securityContext().withMode(AccessMode.Static.FULL);
        try (var allowed = statement.kernelTransaction().overrideWith(everything)) {
            work.accept(new SystemGraph(statement.transaction()));
        }
    }
}
