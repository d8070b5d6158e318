namespace Faultrec.Analyzer.Live;

/// <summary>Which processes come first in a summary.</summary>
internal enum LoadOrder
{
    /// <summary>Those with most faults.</summary>
    Faults,

    /// <summary>Those that were in faults for longest.</summary>
    Time,

    /// <summary>Those with most major faults.</summary>
    Major,
}
