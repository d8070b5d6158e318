using Faultrec.Traces.Metadata;

namespace Faultrec.Analyzer.Tests;

/// <summary>
/// A program whose main calls fill, which calls libc's memset, and which calls itself through walk:
/// <code>
/// 0 main (app.c:30)                     1 main &lt; fill (app.c:12)
/// 2 main &lt; fill &lt; memset (libc)      3 main &lt; walk (app.c:20)
/// 4 main &lt; walk &lt; walk             5 main &lt; reserve (app.c:40)
/// 6 main &lt; reserve &lt; mmap (libc)      7 an address of a file without symbols
/// </code>
/// </summary>
internal static class StackStory
{
    public static readonly StackTable Table = new(
        [new StackModule("/bin/app", "aa01"), new StackModule("/usr/lib/libc.so.6", null), new StackModule("/opt/libstripped.so", "bb02")],
        [
            Frame("main", "/src/app.c", 30), Frame("fill", "/src/app.c", 12),
            new StackFrame { Kind = "user", Function = "memset", Module = 1, Address = 0x500 },
            Frame("walk", "/src/app.c", 20), Frame("reserve", "/src/app.c", 40),
            new StackFrame { Kind = "user", Function = "mmap", Module = 1, Address = 0x900 },
            new StackFrame { Kind = "user", Module = 2, Address = 0x1234 },
        ],
        [-1, 0, 1, 0, 3, 0, 5, -1],
        [0, 1, 2, 3, 3, 4, 5, 6]);

    public static readonly StackRecording Recording = new(null, 5, 2, 1, []);

    /// <summary>Region 1 was made by mmap &lt; reserve &lt; main, region 2 by nobody that is known.</summary>
    public static TraceMetadata Metadata() => Story.Metadata(Story.TwoRegions[0] with { MapperStack = 6 }, Story.TwoRegions[1]) with
    {
        Stacks = Table,
        StackRecording = Recording,
    };

    public static readonly Fault[] Faults =
    [
        new(0x10000) { Stack = 2 }, new(0x11000) { Stack = 2 }, new(0x12000, DurationNs: 3000) { Stack = 2 }, new(0x13000, DurationNs: 2000) { Stack = 4 },
        new(0x20000, 2, 250_000, Major: true) { Stack = 1 }, new(0x21000, 2) { Stack = 7 }, new(0x10000), new(0x10000) { Stack = 99 },
    ];

    private static StackFrame Frame(string function, string file, int line)
        => new() { Kind = "user", Function = function, File = file, Line = line, Module = 0, Address = (ulong)line };
}
