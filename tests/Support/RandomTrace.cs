using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Testing;

/// <summary>
/// A trace with everything that tables count: several processes and threads, renamed threads, overlapping mappings, reused
/// addresses, unknown mappings, failed faults, unknown durations. The same faults for the same seed.
/// </summary>
internal static class RandomTrace
{
    public static readonly string[] Comms = ["app", "pool", "=cmd", "a,\"b\"", "\x1b[31m", "ünï"];

    public static readonly Dictionary<string, long> ResultNames = new() { ["VM_FAULT_OOM"] = 1, ["VM_FAULT_SIGBUS"] = 2, ["VM_FAULT_MAJOR"] = 4 };

    public const long ZeroPfn = 77;

    /// <summary>31 stacks of up to five frames of seven functions in two files; node 2n + 1 and 2n + 2 are called by node n.</summary>
    public static readonly StackTable Stacks = new(
        [new StackModule("/bin/app", "aa"), new StackModule("/lib/libc.so.6", null)],
        [.. Enumerable.Range(0, 14).Select(i => new StackFrame
        {
            Kind = "user", Function = i == 13 ? null : $"f{i % 7}", Module = i % 7 < 5 ? 0 : 1, File = i % 3 == 0 ? $"/src/{i % 7}.c" : null,
            Line = i % 3 == 0 ? i : null, Address = (ulong)i,
        })],
        [-1, .. Enumerable.Range(1, 30).Select(node => (node - 1) / 2)],
        [.. Enumerable.Range(0, 31).Select(node => node * 5 % 14)]);

    /// <param name="isSample">Whether <see cref="Faults"/> gets weights.</param>
    public static TraceMetadata Metadata(bool isSample = false)
    {
        var regions = new List<Region>();
        for (var i = 0; i < 24; i++)
        {
            // Neighbours overlap by half: later mappings reuse addresses of earlier ones.
            var start = 0x7f00_0000_0000UL + ((ulong)(i / 2) * 0x40_0000);
            var path = i % 3 == 0 ? $"/lib/lib{i % 5}.so" : null;
            regions.Add(new Region
            {
                Id = i + 1,
                Pid = 100 + (i % 4),
                Start = start,
                End = start + (0x1000UL * (1 + ((ulong)i * (ulong)i * 7))),
                Prot = "rw-p",
                Name = path ?? (i % 2 == 0 ? "[heap]" : "[anon]"),
                Path = path,
                DiedNs = i % 4 == 1 ? 2_000_000 + (i * 500_000L) : null,
                MapperStack = i % 5 == 0 ? null : i % Stacks.NodeFrames.Count,
            });
        }

        return Story.Metadata([.. regions]) with
        {
            DurationNs = 22_000_000,
            FaultResultNames = ResultNames,
            Sampling = isSample ? new Sampling(16, 100_000, true) : null,
            PageTable = new PageTableRecording(true, null, 4, "kallsyms", ZeroPfn),
            ThpMode = "always",
            FolioSizes = [new FolioSize(64, "always", "never"), new FolioSize(2048, "inherit", "inherit")],
            SwapTypes = new Dictionary<string, string> { ["31"] = "migration" },
            NumaNodes = [new NumaRange(0, 0, 3000), new NumaRange(1, 3000, 1 << 20)],
            Stacks = Stacks,
            StackRecording = new StackRecording(null, 1, 2, 3, []),
            Causes = [new CauseProbe("reclaim", null), new CauseProbe("io_wait", null), new CauseProbe("zeroing", "not traceable here")],
            Slab = new SlabRecording([new CauseProbe("fast", null)], [], []),
        };
    }

    public static Fault[] Faults(TraceMetadata metadata, int count, int seed)
    {
        var random = new Random(seed);
        var facts = new Random(seed + 1000);
        var stacks = new Random(seed + 2000);
        var walks = new Walks(new Random(seed + 3000));
        var faults = new Fault[count];
        long time = 0;
        for (var i = 0; i < count; i++)
        {
            var region = metadata.Regions[random.Next(metadata.Regions.Count)];
            var known = random.Next(20) != 0;
            faults[i] = new Fault(
                region.Start + (ulong)random.NextInt64((long)(region.End - region.Start)),
                known ? region.Id : 0,
                random.Next(10) == 0 ? null : (long)Math.Exp(random.NextDouble() * 18),
                random.Next(9) == 0,
                random.Next(30) == 0 ? 11 : null)
            {
                TimeNs = time += random.Next(0, 2000),
                Pid = region.Pid,
                Tid = region.Pid + (random.Next(3) * 1000),
                Comm = Comms[random.Next(Comms.Length)],
                FaultResult = random.Next(3) == 0 ? random.Next(8) : null,
                // The limit of the rate makes rows of more weight.
                Weight = metadata.Sampling is null ? 1 : random.Next(10) == 0 ? random.Next(1, 100) : 16,
            };
            faults[i] = WithFacts(walks.GoOn(faults[i], region), facts) with { Stack = stacks.Next(8) == 0 ? null : stacks.Next(Stacks.NodeFrames.Count) };
        }

        return faults;
    }

    // Page-table facts, causes and slab counts, each also missing at times; frames that often follow one another.
    private static Fault WithFacts(Fault fault, Random random)
    {
        var page = (long)(fault.Address >> 12);
        long[] entries = [0, 0, 0, 0x25 | (500 << 12), 0x27 | (500 << 12), 0x25 | (ZeroPfn << 12), 0x120 | (500 << 12), 0x1234_0000,
            unchecked((31L << 59) | 0x1234_0000)];
        var level = random.Next(3) == 0 ? random.Next(5) : 0;
        var entry = entries[random.Next(entries.Length)];
        return fault with
        {
            Level = random.Next(12) == 0 ? null : level,
            Entry = entry,
            Pfn = random.Next(12) == 0 ? null : random.Next(12) == 0 ? ZeroPfn : random.Next(4) == 0 ? random.Next(6000) : page % 5000,
            Order = random.Next(12) == 0 ? null : level > 0 && random.Next(3) == 0 ? 9 : 0,
            Access = (FaultAccess)random.Next(4),
            KernelAccess = random.Next(10) == 0,
            Grew = random.Next(50) == 0,
            Causes = random.Next(3) == 0
                ? null
                : [.. Enumerable.Range(0, 6).Select(_ => random.Next(2) == 0 ? 0 : (fault.DurationNs ?? 0) / random.Next(1, 20))],
            Slab = random.Next(3) == 0 ? null : [.. Enumerable.Range(0, 7).Select(_ => random.Next(5))],
        };
    }

    /// <summary>Makes some faults the next step of what the thread did in the region before.</summary>
    private sealed class Walks(Random random)
    {
        private readonly Dictionary<(int Region, int Tid), (ulong Address, long Stride)> _last = [];

        public Fault GoOn(Fault fault, Region region)
        {
            var key = (fault.Region, fault.Tid);
            var (last, stride) = _last.GetValueOrDefault(key, (fault.Address, 0x1000));
            if (random.Next(4) == 0)
                stride = random.Next(4) switch { 0 => 0x1000, 1 => -0x1000, 2 => 0x3000, _ => 0 };
            var next = last + (ulong)stride;
            if (random.Next(3) != 0 && next >= region.Start && next < region.End)
                fault = fault with { Address = next };
            _last[key] = (fault.Address, stride);
            return fault;
        }
    }
}
