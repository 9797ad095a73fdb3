// SPDX-License-Identifier: GPL-3.0-only
package graphshift.neo4jdev.flight;

import org.apache.arrow.vector.FieldVector;
import org.apache.arrow.vector.types.FloatingPointPrecision;
import org.apache.arrow.vector.types.pojo.ArrowType;
import org.apache.arrow.vector.types.pojo.Field;

import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Objects;

/** Values of Arrow's columns as the kernel keeps them. */
final class ColumnValues {
    private ColumnValues() {}

    /**
     * Whether the column's type can be a value here. Labels and types are text, and lists of labels
     * are lists of text.
     */
    static boolean isSupported(Field field, boolean property) {
        if (field.getType() instanceof ArrowType.List) {
            return isScalar(field.getChildren().get(0).getType());
        }
        return property ? isScalar(field.getType()) : isIdOrName(field.getType());
    }

    private static boolean isIdOrName(ArrowType type) {
        return type instanceof ArrowType.Utf8
                || type instanceof ArrowType.LargeUtf8
                || type instanceof ArrowType.Int;
    }

    private static boolean isScalar(ArrowType type) {
        return switch (type.getTypeID()) {
            case Bool, Utf8, LargeUtf8, Date, Timestamp, Null -> true;
            case Int -> !isUnsignedLong((ArrowType.Int) type);
            case FloatingPoint ->
                    ((ArrowType.FloatingPoint) type).getPrecision() != FloatingPointPrecision.HALF;
            default -> false;
        };
    }

    private static boolean isUnsignedLong(ArrowType.Int type) {
        return !type.getIsSigned() && type.getBitWidth() == 64;
    }

    /** The value of a row, or null. */
    static Object at(FieldVector column, int row) {
        if (column == null || column.isNull(row)) return null;
        var value = column.getObject(row);
        var field = column.getField();
        if (value instanceof List<?> list)
            return array(list, field.getChildren().get(0).getType());
        return scalar(value, field.getType());
    }

    private static Object scalar(Object value, ArrowType type) {
        if (type instanceof ArrowType.Int) return integer(value);
        if (type instanceof ArrowType.FloatingPoint) return ((Number) value).doubleValue();
        if (type instanceof ArrowType.Timestamp stamp && value instanceof Long ticks)
            return zoned(ticks, stamp);
        if (type instanceof ArrowType.Date)
            return value instanceof Integer days
                    ? LocalDate.ofEpochDay(days)
                    : ((LocalDateTime) value).toLocalDate();
        if (type instanceof ArrowType.Utf8 || type instanceof ArrowType.LargeUtf8)
            return value.toString();
        return value;
    }

    /** Unsigned 16-bit integers come as characters. */
    private static long integer(Object value) {
        return value instanceof Character unsigned ? unsigned : ((Number) value).longValue();
    }

    private static ZonedDateTime zoned(long ticks, ArrowType.Timestamp type) {
        var unit =
                switch (type.getUnit()) {
                    case SECOND -> ChronoUnit.SECONDS;
                    case MILLISECOND -> ChronoUnit.MILLIS;
                    case MICROSECOND -> ChronoUnit.MICROS;
                    case NANOSECOND -> ChronoUnit.NANOS;
                };
        var zone = type.getTimezone() == null ? ZoneOffset.UTC : ZoneId.of(type.getTimezone());
        return Instant.EPOCH.plus(ticks, unit).atZone(zone);
    }

    private static Object array(List<?> list, ArrowType type) {
        var values =
                list.stream()
                        .filter(Objects::nonNull)
                        .map(value -> scalar(value, type))
                        .toList();
        if (type instanceof ArrowType.Int)
            return values.stream().mapToLong(value -> (Long) value).toArray();
        if (type instanceof ArrowType.FloatingPoint)
            return values.stream().mapToDouble(value -> (Double) value).toArray();
        if (type instanceof ArrowType.Bool) {
            var bits = new boolean[values.size()];
            for (int i = 0; i < bits.length; i++) bits[i] = (Boolean) values.get(i);
            return bits;
        }
        if (type instanceof ArrowType.Date) return values.toArray(LocalDate[]::new);
        if (type instanceof ArrowType.Timestamp stamp)
            return stamp.getTimezone() == null
                    ? values.toArray(LocalDateTime[]::new)
                    : values.toArray(ZonedDateTime[]::new);
        return values.toArray(String[]::new);
    }
}
