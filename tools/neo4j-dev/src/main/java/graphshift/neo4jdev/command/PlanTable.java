// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import graphshift.neo4jdev.systemgraph.SystemGraph;

import org.neo4j.cypher.internal.AdministrationCommandRuntimeContext;
import org.neo4j.cypher.internal.ExecutionPlan;
import org.neo4j.cypher.internal.logical.plans.LogicalPlan;
import org.neo4j.values.virtual.MapValue;

import scala.Function1;
import scala.Option;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** How each logical plan that we execute is executed, by the plan's class. */
final class PlanTable {
    /** What the kernel's runtime calls an executable plan. */
    interface Execution extends Function1<AdministrationCommandRuntimeContext, ExecutionPlan> {}

    /** A step's work, given the plan that holds the statement's names and values. */
    interface Work<P> {
        void run(P plan, SystemGraph graph, MapValue parameters);
    }

    private final Map<Class<? extends LogicalPlan>, Function<LogicalPlan, Execution>> executions =
            new HashMap<>();
    private final Function<
                    LogicalPlan, Function1<AdministrationCommandRuntimeContext, ExecutionPlan>>
            chain;

    /**
     * @param chain the execution of a plan's source, ours or the kernel's
     */
    PlanTable(
            Function<LogicalPlan, Function1<AdministrationCommandRuntimeContext, ExecutionPlan>>
                    chain) {
        this.chain = chain;
    }

    Optional<Execution> find(LogicalPlan plan) {
        return Optional.ofNullable(executions.get(plan.getClass()))
                .map(execution -> execution.apply(plan));
    }

    <P extends LogicalPlan> void put(Class<P> kind, Function<P, Execution> execution) {
        executions.put(kind, plan -> execution.apply(kind.cast(plan)));
    }

    /** A step that may refuse the statement. */
    <P extends LogicalPlan> void check(
            Class<P> kind, Function<P, LogicalPlan> source, Work<P> work) {
        put(kind, plan -> step(plan, source.apply(plan), work, false));
    }

    /** A step that changes the system graph. */
    <P extends LogicalPlan> void change(
            Class<P> kind, Function<P, LogicalPlan> source, Work<P> work) {
        put(kind, plan -> step(plan, source.apply(plan), work, true));
    }

    /** A check that has nothing to look at on a single server of ours. */
    <P extends LogicalPlan> void pass(Class<P> kind, Function<P, LogicalPlan> source) {
        put(kind, plan -> chain.apply(source.apply(plan))::apply);
    }

    /** The first step of a chain, which lets everything through. */
    <P extends LogicalPlan> void allow(Class<P> kind) {
        put(
                kind,
                plan ->
                        context ->
                                new SystemStep(Option.empty(), (graph, parameters) -> {}, false));
    }

    private <P extends LogicalPlan> Execution step(
            P plan, LogicalPlan source, Work<P> work, boolean changes) {
        return context ->
                new SystemStep(
                        Option.apply(chain.apply(source).apply(context)),
                        (graph, parameters) -> work.run(plan, graph, parameters),
                        changes);
    }
}
