namespace Faultrec.Traces.Output;

/// <summary>What to do with an output file that exists already.</summary>
public enum ExistingOutput
{
    /// <summary>Keep it beside the new one, as FILE.old.</summary>
    KeepAsOld,

    /// <summary>Replace it.</summary>
    Overwrite,

    /// <summary>Fail, and leave it as it is.</summary>
    Refuse,
}
