namespace Faultrec.Recorder.Native;

/// <summary>Numbers of signal(7), x86 and arm.</summary>
internal static class Signals
{
    public const int Hup = 1;
    public const int Int = 2;
    public const int Quit = 3;
    public const int Kill = 9;
    public const int Usr1 = 10;
    public const int Usr2 = 12;
    public const int Pipe = 13;
    public const int Alrm = 14;
    public const int Term = 15;
    public const int Chld = 17;
    public const int Xcpu = 24;
    public const int Xfsz = 25;

    /// <summary>The C library's own.</summary>
    public const int ThreadCancel = 32;
}
