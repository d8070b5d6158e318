namespace Faultrec.Recorder.Options;

/// <summary>How far a recording is.</summary>
/// <param name="ElapsedNs">Since it began.</param>
/// <param name="Faults">Recorded until now.</param>
/// <param name="Lost">Further faults that found a ring full.</param>
public readonly record struct CaptureProgress(long ElapsedNs, long Faults, long Lost);
