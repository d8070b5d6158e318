using System.Runtime.InteropServices;

namespace Faultrec.Fuzz.Running;

/// <summary>What processes used that were started here, or by those, and have ended.</summary>
// SAFETY: getrusage writes a struct rusage, which is 144 bytes, as are these 18 words.
internal static unsafe partial class Children
{
    private const int Who = -1; // RUSAGE_CHILDREN
    private const int KibibytesOfPeak = 4; // ru_maxrss, after two times of two words

    /// <returns>Time of all of them, and the memory of the largest.</returns>
    public static (TimeSpan Cpu, long Peak) Usage()
    {
        // struct rusage: ru_utime, ru_stime, ru_maxrss.
        var usage = stackalloc long[18];
        if (Getrusage(Who, usage) != 0)
            throw new InvalidOperationException("getrusage fails");
        return (TimeSpan.FromSeconds(usage[0] + usage[2]) + TimeSpan.FromMicroseconds(usage[1] + usage[3]), usage[KibibytesOfPeak] << 10);
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int Getrusage(int who, long* usage);
}
