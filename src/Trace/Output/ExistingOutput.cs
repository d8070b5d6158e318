namespace Faultrec.Traces.Output;

/// <summary>What to do with an output file that is there already.</summary>
public enum ExistingOutput
{
    KeepAsOld,
    Overwrite,
    Refuse,
}
