using System.Text.Json.Nodes;

namespace Faultrec.Kernels.Tests;

/// <param name="KernelBytes">Resident by smaps_rollup at the program's last look.</param>
/// <param name="AccountedBytes">Resident by the report when the process ended, which was right after the look.</param>
/// <param name="SwapBytes">Swapped out then, by smaps_rollup.</param>
internal sealed record ResidentProcess(string Mode, long KernelBytes, long SwapBytes, long AccountedBytes);

/// <summary>fixtures/resident in each of its modes, one after the other in one recording.</summary>
internal static class ResidentStep
{
    /// <summary>Of each mode: a guest is slow, and two huge pages are enough.</summary>
    private const int Pages = 2048;

    private static readonly string[] PlainModes =
    [
        "populate", "madv_populate", "populate_read", "mlock", "mlockall", "collapse", "thp", "thp_zero", "file", "new_file", "fork_cow", "vfork",
        "dontneed", "free", "partial", "moved", "shm", "memfd", "uffd", "uffd_shared", "zero", "brk", "fixed",
    ];

    /// <summary>Those of <see cref="Script"/>.</summary>
    public static IReadOnlyList<string> Modes { get; } = [.. PlainModes, "swap", "khugepaged"];

    /// <summary>Those of <see cref="ScriptOfLargeFolios"/>.</summary>
    public static IReadOnlyList<string> ModesOfLargeFolios { get; } = ["folios", "dontneed", "fork_cow", "brk", "uffd_move"];

    public static string Script(Rung rung) => $$"""
        cat >modes.sh <<'modes'
        for mode in {{string.Join(' ', PlainModes)}}; do resident $mode {{Pages}} || exit; done
        SWAP_DEVICE=/dev/ram1 with-swap.sh resident swap {{Pages}} || exit
        echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
        with-khugepaged.sh resident khugepaged {{Pages}}
        status=$?
        echo always >/sys/kernel/mm/transparent_hugepage/enabled
        exit $status
        modes
        {{Record(rung, "")}}
        """;

    /// <summary>With folios of 64 KiB for anonymous memory, on kernels that can have them; nothing on others.</summary>
    public static string ScriptOfLargeFolios(Rung rung) => $$"""
        [ -e /sys/kernel/mm/transparent_hugepage/hugepages-64kB ] || exit 0
        cat >modes.sh <<'modes'
        for mode in {{string.Join(' ', ModesOfLargeFolios)}}; do resident $mode {{Pages}} || exit; done
        modes
        echo never >/sys/kernel/mm/transparent_hugepage/enabled
        {{Record(rung, "with-large-folios.sh 64 ")}}
        status=$?
        echo always >/sys/kernel/mm/transparent_hugepage/enabled
        exit $status
        """;

    /// <summary>Each process of each mode, as it ended.</summary>
    public static IReadOnlyList<ResidentProcess> Processes(StepResult step)
    {
        var documents = Recording.Documents(step);
        var accounted = documents[^1]["resident"]!["regions"]!.AsArray().ToLookup(row => Number(row, "pid"), row => Number(row, "kept_bytes"));
        return
        [
            .. from said in documents.SkipLast(1)
               from looks in said["looks"]!.AsArray().GroupBy(look => Number(look, "pid"))
               let last = looks.Last()
               select new ResidentProcess(
                   said["mode"]!.GetValue<string>(), Number(last, "rss_kib") << 10, Number(last, "swap_kib") << 10, accounted[looks.Key].Sum()),
        ];
    }

    private static string Record(Rung rung, string wrapper) => $$"""
        {{wrapper}}faultrec record --no-stacks --force --backend {{rung}} -o t -- sh modes.sh || exit
        faultrec report --by resident_region --top 0 --format json t | tr -d '\n'
        """;

    private static long Number(JsonNode? node, string key) => node![key]!.GetValue<long>();
}
