namespace Faultrec.Traces;

/// <summary>The one home of the schema's version. docs/format.md is the text people read.</summary>
public static class TraceSchema
{
    /// <summary>Bumped with any change that an older reader could misread.</summary>
    public const int Version = 1;

    /// <summary>Prefix of every metadata key.</summary>
    public const string KeyPrefix = "faultrec.";

    /// <summary>Rows of a full row group: 80 ms and 150 MB of writer memory each (bench/).</summary>
    public const int RowGroupSize = 250_000;
}
