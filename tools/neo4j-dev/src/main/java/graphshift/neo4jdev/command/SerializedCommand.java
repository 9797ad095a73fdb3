// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import graphshift.neo4jdev.systemgraph.SystemGraph;

import org.neo4j.cypher.internal.DelegatingExecutionPlan;
import org.neo4j.cypher.internal.ExecutionPlan;
import org.neo4j.cypher.internal.procs.SystemUpdateCountingQueryContext;
import org.neo4j.cypher.internal.runtime.ExecutionMode;
import org.neo4j.cypher.internal.runtime.InputDataStream;
import org.neo4j.cypher.internal.runtime.QueryContext;
import org.neo4j.cypher.result.RuntimeResult;
import org.neo4j.kernel.impl.query.QuerySubscriber;
import org.neo4j.values.virtual.MapValue;

/**
 * An administration command that changes something: it runs only when no other one is under way,
 * from its first check to the end of its transaction. So what {@code IF NOT EXISTS} saw still holds
 * when the command acts on it.
 */
final class SerializedCommand extends DelegatingExecutionPlan {
    SerializedCommand(ExecutionPlan command) {
        super(command);
    }

    @Override
    public RuntimeResult run(
            QueryContext context,
            ExecutionMode mode,
            MapValue parameters,
            boolean prePopulateResults,
            InputDataStream input,
            QuerySubscriber subscriber) {
        SystemStep.inSystemGraph(SystemUpdateCountingQueryContext.from(context), SystemGraph::lock);
        return super.run(context, mode, parameters, prePopulateResults, input, subscriber);
    }
}
