namespace Faultrec.Analyzer.Screen;

/// <summary>How a statement is to be read.</summary>
internal enum Tone
{
    /// <summary>A fact among others.</summary>
    Plain,

    /// <summary>The answer itself.</summary>
    Answer,

    /// <summary>The answer: something waits.</summary>
    Wait,

    /// <summary>Something is wrong, or missing.</summary>
    Alarm,
}

/// <summary>One statement of the first screen.</summary>
/// <param name="Label">The question that it answers, such as "who"; empty: it leads, or continues the statement before it.</param>
/// <param name="Text">Raw text with names from the trace in it: a renderer must make it inert.</param>
/// <param name="Rank">Where there is no room for all, those with the highest rank are left out.</param>
internal sealed record Statement(string Label, string Text, int Rank, Tone Tone = Tone.Plain)
{
    /// <summary>A drawing, or a list whose end may be cut: it is never continued on a second line.</summary>
    public bool IsOneLine { get; init; }
}
