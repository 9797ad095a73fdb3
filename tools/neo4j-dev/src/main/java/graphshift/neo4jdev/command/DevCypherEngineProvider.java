// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import org.neo4j.cypher.internal.CommunityAdministrationCommandRuntime;
import org.neo4j.cypher.internal.CommunityCompilerFactory;
import org.neo4j.cypher.internal.Compiler;
import org.neo4j.cypher.internal.CompilerFactory;
import org.neo4j.cypher.internal.CypherCurrentCompiler;
import org.neo4j.cypher.internal.ExecutionEngine;
import org.neo4j.cypher.internal.RuntimeContext;
import org.neo4j.cypher.internal.RuntimeContextManager;
import org.neo4j.cypher.internal.cache.CypherQueryCaches;
import org.neo4j.cypher.internal.compiler.CypherParsingConfig;
import org.neo4j.cypher.internal.compiler.CypherPlannerConfiguration;
import org.neo4j.cypher.internal.javacompat.CommunityCypherEngineProvider;
import org.neo4j.cypher.internal.javacompat.GraphDatabaseCypherService;
import org.neo4j.cypher.internal.options.CypherPlannerOption;
import org.neo4j.cypher.internal.options.CypherRuntimeOption;
import org.neo4j.cypher.internal.runtime.CypherRuntimeConfiguration;

import scala.Function0;
import scala.Option;

/**
 * The query engine of the system database: the Community one, with {@link DevAdministrationRuntime}
 * in place of its runtime for administration commands.
 *
 * <p>Relies on {@code CommunityCompilerFactory.createCompiler} (5.26) answering a {@code
 * CypherCurrentCompiler} around a {@code CommunityAdministrationCommandRuntime}: the parser and the
 * planner know every Enterprise statement, and the Community edition lacks their execution alone.
 */
public final class DevCypherEngineProvider extends CommunityCypherEngineProvider {
    @Override
    protected CompilerFactory makeCompilerFactory(
            GraphDatabaseCypherService service,
            SPI spi,
            CypherParsingConfig parsing,
            CypherPlannerConfiguration planner,
            CypherRuntimeConfiguration runtime,
            CypherQueryCaches caches) {
        return new DevCompilerFactory(service, spi, parsing, planner, runtime, caches);
    }

    private static final class DevCompilerFactory extends CommunityCompilerFactory {
        DevCompilerFactory(
                GraphDatabaseCypherService service,
                SPI spi,
                CypherParsingConfig parsing,
                CypherPlannerConfiguration planner,
                CypherRuntimeConfiguration runtime,
                CypherQueryCaches caches) {
            super(service, spi.monitors(), spi.logProvider(), parsing, planner, runtime, caches);
        }

        @Override
        public Compiler createCompiler(
                CypherPlannerOption plannerOption,
                CypherRuntimeOption runtimeOption,
                boolean materializedEntities,
                Function0<ExecutionEngine> engine,
                Option<Function0<ExecutionEngine>> outerEngine) {
            var compiler =
                    super.createCompiler(
                            plannerOption,
                            runtimeOption,
                            materializedEntities,
                            engine,
                            outerEngine);
            return compiler instanceof CypherCurrentCompiler<?> current
                            && current.runtime()
                                    instanceof CommunityAdministrationCommandRuntime community
                    ? new CypherCurrentCompiler<>(
                            current.planner(),
                            new DevAdministrationRuntime(community),
                            contexts(current),
                            current.kernelMonitors(),
                            current.queryCaches())
                    : compiler;
        }

        /** Scala's type of the context is erased; an administration runtime's is RuntimeContext. */
        @SuppressWarnings("unchecked")
        private static RuntimeContextManager<RuntimeContext> contexts(
                CypherCurrentCompiler<?> compiler) {
            return (RuntimeContextManager<RuntimeContext>) compiler.contextManager();
        }
    }
}
