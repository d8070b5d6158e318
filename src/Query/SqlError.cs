using DuckDB.NET.Native;
using Faultrec.Analyzer.Text;
using Faultrec.Traces;

namespace Faultrec.Query;

/// <summary>DuckDB's errors as one line.</summary>
internal static class SqlError
{
    public static FaultrecException Of(ref DuckDBResult result)
    {
        var message = NativeMethods.Query.DuckDBResultError(ref result);
        return NativeMethods.Query.DuckDBResultErrorType(ref result) switch
        {
            DuckDBErrorType.Io or DuckDBErrorType.Serialization => new FaultrecException(ExitCode.BadInput, OneLine(message)),
            DuckDBErrorType.OutOfMemory => new FaultrecException(ExitCode.NotPermitted,
                $"the SQL needs more than --memory, and a query uses no disk: give it more, or ask for fewer rows ({OneLine(message.Split('\n')[0])})"),
            _ => Of(message),
        };
    }

    public static FaultrecException Of(string message)
        => new(ExitCode.Usage, message.Contains("Expected a single SELECT", StringComparison.Ordinal)
            ? "the SQL is not a single statement that reads; expected a SELECT (also WITH, FROM, VALUES, DESCRIBE, SHOW, SUMMARIZE)"
            : $"{OneLine(message)}; `faultrec query --schema` lists the views");

    // After an empty line DuckDB shows the place in the SQL, which is not the user's own text but the statement around it; after an
    // internal error, addresses.
    public static string OneLine(string message)
    {
        var more = message.AsSpan().IndexOf("\n\nLINE ");
        if (more < 0)
            more = message.AsSpan().IndexOf("\n\nStack Trace");
        var lines = (more < 0 ? message : message[..more]).Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return Escape.Visible(string.Join(' ', lines));
    }
}
