namespace Faultrec.Traces.Metadata;

/// <summary>
/// All that is to be known of one number of the <see cref="Receipt"/>; whoever deals with every number goes through
/// <see cref="Receipt.Counters"/>.
/// </summary>
/// <param name="of">Null where it was not read.</param>
internal sealed class ReceiptCounter(string name, Func<Receipt, long?> of)
{
    /// <summary>As the file, `info` and `query` spell it.</summary>
    public string Name { get; } = name;

    /// <summary>What is counted, in the singular.</summary>
    public required string Unit { get; init; }

    /// <summary>What it says, as docs/format.md has it.</summary>
    public required string Description { get; init; }

    /// <summary>Something is missing from a recording in which it is not zero.</summary>
    public bool MakesIncomplete { get; init; }

    /// <summary>What the receipt in words says behind number and <see cref="Unit"/> where it is not zero; null: it has a sentence of its own.</summary>
    public string? Doubt { get; init; }

    /// <summary>What it says, in a line: it is a column of the view `traces` of `query`; null: it is none.</summary>
    public string? QueryMeaning { get; init; }

    /// <summary>A difference between two readings of a kernel counter: not refused where it is below zero.</summary>
    public bool MayBeNegative { get; init; }

    public long? Of(Receipt receipt) => of(receipt);
}
