// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.command;

import org.neo4j.cypher.internal.CypherVersion;
import org.neo4j.cypher.internal.ast.DatabaseName;
import org.neo4j.cypher.internal.ast.NamespacedName;
import org.neo4j.cypher.internal.ast.Options;
import org.neo4j.cypher.internal.ast.OptionsMap;
import org.neo4j.cypher.internal.ast.OptionsParam;
import org.neo4j.cypher.internal.ast.ParameterName;
import org.neo4j.cypher.internal.evaluator.EvaluationException;
import org.neo4j.cypher.internal.evaluator.Evaluator;
import org.neo4j.cypher.internal.evaluator.ExpressionEvaluator;
import org.neo4j.cypher.internal.expressions.Expression;
import org.neo4j.cypher.internal.expressions.Parameter;
import org.neo4j.exceptions.InvalidArgumentException;
import org.neo4j.exceptions.ParameterWrongTypeException;
import org.neo4j.kernel.database.NormalizedDatabaseName;
import org.neo4j.values.AnyValue;
import org.neo4j.values.storable.TextValue;
import org.neo4j.values.storable.Value;
import org.neo4j.values.storable.Values;
import org.neo4j.values.virtual.ListValue;
import org.neo4j.values.virtual.MapValue;

import scala.jdk.javaapi.CollectionConverters;
import scala.util.Either;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** The names and maps of a statement, whether written in it or given as parameters. */
final class StatementValues {
    private static final ExpressionEvaluator EVALUATOR =
            Evaluator.expressionEvaluator(CypherVersion.Cypher5);

    private StatementValues() {}

    /** Names are case-insensitive: in lower case. */
    static String name(DatabaseName name, MapValue parameters) {
        if (name instanceof ParameterName given)
            return normalized(text(given.parameter(), parameters));
        return normalized(((NamespacedName) name).toString());
    }

    static String name(Either<String, Parameter> name, MapValue parameters) {
        return normalized(name.fold(written -> written, given -> text(given, parameters)));
    }

    private static String normalized(String name) {
        return new NormalizedDatabaseName(name).name();
    }

    private static String text(Parameter parameter, MapValue parameters) {
        var value = parameters.get(parameter.name());
        if (value instanceof TextValue text) return text.stringValue();
        throw wrongType(parameter, "String", value);
    }

    /** The options of {@code CREATE DATABASE … OPTIONS}, by their names as written. */
    static Map<String, AnyValue> options(Options options, MapValue parameters) {
        if (options instanceof OptionsMap written) return evaluated(written.map(), parameters);
        if (options instanceof OptionsParam given) return map(given.parameter(), parameters);
        return Map.of();
    }

    /**
     * The properties of an alias, as the system graph can store them. The real server keeps their
     * names in lower case ({@code newestNorthwind} comes back as {@code newestnorthwind} in its
     * manual), so this one does too.
     */
    static Map<String, Object> properties(
            Either<scala.collection.immutable.Map<String, Expression>, Parameter> properties,
            MapValue parameters) {
        var given =
                properties.fold(
                        written -> evaluated(written, parameters), name -> map(name, parameters));
        var stored = new LinkedHashMap<String, Object>();
        given.forEach(
                (name, value) -> {
                    if (value != Values.NO_VALUE)
                        stored.put(name.toLowerCase(Locale.ROOT), storable(name, value));
                });
        return stored;
    }

    private static Object storable(String name, AnyValue value) {
        if (value instanceof Value single) return single.asObject();
        if (value instanceof ListValue list) {
            try {
                return list.toStorableArray().asObject();
            } catch (RuntimeException mixed) {
                throw notStorable(name, mixed);
            }
        }
        throw notStorable(name, null);
    }

    private static InvalidArgumentException notStorable(String name, Throwable cause) {
        return CommandErrors.invalid(
                "The value of the alias property '"
                        + name
                        + "' cannot be stored; it may be a string, a number,"
                        + " a boolean, a temporal value, a point or a list of one of these.",
                cause);
    }

    private static Map<String, AnyValue> evaluated(
            scala.collection.immutable.Map<String, Expression> map, MapValue parameters) {
        var values = new LinkedHashMap<String, AnyValue>();
        CollectionConverters.asJava(map)
                .forEach(
                        (name, expression) -> {
                            try {
                                values.put(name, EVALUATOR.evaluate(expression, parameters));
                            } catch (EvaluationException problem) {
                                throw CommandErrors.invalid(
                                        "The value of '" + name + "' cannot be evaluated.",
                                        problem);
                            }
                        });
        return values;
    }

    private static Map<String, AnyValue> map(Parameter parameter, MapValue parameters) {
        var value = parameters.get(parameter.name());
        if (!(value instanceof MapValue map)) throw wrongType(parameter, "Map", value);
        var values = new LinkedHashMap<String, AnyValue>();
        map.foreach(values::put);
        return values;
    }

    private static ParameterWrongTypeException wrongType(
            Parameter parameter, String wanted, AnyValue value) {
        return new ParameterWrongTypeException(
                "Expected parameter $%s to have type %s but was %s"
                        .formatted(parameter.name(), wanted, value));
    }
}
