using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Spool;
using Faultrec.Testing;
using Faultrec.Traces.Metadata;

namespace Faultrec.Fuzz.Inputs;

/// <summary>A spool with a record of each type.</summary>
internal static class SpoolCorpus
{
    private const long StartNs = 5_000_000_000;
    private const int Pid = 100;
    private const ulong StackId = 77;

    /// <param name="withStacks">Names are looked up by a second process, which takes its time.</param>
    public static byte[] Make(string path, bool withStacks)
    {
        File.Delete(path);
        using (var spool = new SpoolWriter(File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.Read)))
        {
            spool.Append(SpoolRecordType.Header, Header(withStacks), SpoolJson.Default.SpoolHeader);
            Put(spool, SpoolRecordType.Pass, new PassRecord { TimeNs = StartNs });
            spool.Append(SpoolRecordType.Maps, new MapsSnapshot(Pid, StartNs, "app", 1, [new ThreadName(Pid, "app"), new ThreadName(Pid + 1, "pool")],
                "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n7fff00000000-7fff00021000 rw-p 00000000 00:00 0 [stack]\n"
                + "400000-500000 r-xp 00001000 fe:00 9 /bin/true"), SpoolJson.Default.MapsSnapshot);
            spool.Append(SpoolRecordType.Sideband, 0, new PerfRecords()
                .Comm(StartNs + 5, Pid, Pid, "app", exec: true).Mmap2(StartNs + 6, Pid, 0x7f0000200000, 0x7f0000300000, "//anon")
                .Mmap2(StartNs + 7, Pid, 0x7f0000400000, 0x7f0000500000, "/lib/x.so", prot: 5, inode: 8).Fork(StartNs + 8, Pid + 2, Pid + 2, Pid, Pid)
                .Exit(StartNs + 900, Pid + 2, Pid + 2).Lost(StartNs + 901, 3).ToArray());
            Put(spool, SpoolRecordType.Stack, new StackRecordHead { Id = StackId, Frames = 3, Ending = StackEnding.Outermost }, 0x401000UL, 0x402000UL,
                0x7f0000401000UL);
            for (var i = 0; i < 4; i++)
            {
                spool.Append(SpoolRecordType.Faults, i,
                    MemoryMarshal.AsBytes<FaultRecord>([Fault(10 + i, 0x7f0000000000 + i * 4096), Fault(20 + i, 0x7f0000201000),
                    Fault(30 + i, 0x7ffeffff0000)]));
                spool.Append(SpoolRecordType.StackedFaults, i,
                    MemoryMarshal.AsBytes<StackedFault>([new StackedFault { Fault = Fault(50 + i, 0x7f0000003000), Stack = StackId }]));
                spool.Append(SpoolRecordType.DetailedFaults, i, MemoryMarshal.AsBytes<DetailedFault>([Detailed(40 + i, 0x7f0000002000)]));
                Put(spool, SpoolRecordType.Pass, new PassRecord { TimeNs = StartNs + 100 * (i + 1) });
            }

            foreach (var type in Enum.GetValues<EventType>())
            {
                Put(spool, SpoolRecordType.Event,
                    new EventRecord
                    {
                        TimeNs = StartNs + 300,
                        Type = type,
                        Pid = Pid,
                        Tid = Pid,
                        Cpu = 1,
                        Stack = StackId,
                        A0 = 0x7f0000200000,
                        A1 = 4096,
                        A2 = 0x7f0000600000,
                        A3 = 11,
                        A4 = 0x7f0000600000,
                        A5 = 0
                    });
            }

            Put(spool, SpoolRecordType.Loss, new LossRecord { TimeNs = StartNs + 400, Lost = 2 });
            spool.Append(SpoolRecordType.End, Ending(), SpoolJson.Default.SpoolEnding);
            spool.Flush();
        }

        var bytes = File.ReadAllBytes(path);
        File.Delete(path);
        return bytes;
    }

    private static SpoolHeader Header(bool withStacks) => new()
    {
        TargetPid = Pid,
        IsCommand = true,
        Metadata = new TraceMetadata
        {
            ToolVersion = "1.2.3",
            Command = ["app", "--work"],
            Target = "command",
            Host = "host",
            Kernel = "6.18.0",
            Arch = "x86_64",
            ClockStartNs = StartNs,
            StartedAt = DateTimeOffset.UnixEpoch.AddYears(55),
            Backend = Backend.Tracepoint,
            Ladder = [new LadderStep("fexit", "EPERM"), new LadderStep("tracepoint", null)],
            FaultFlagNames = new Dictionary<string, long> { ["FAULT_FLAG_WRITE"] = 1, ["FAULT_FLAG_REMOTE"] = 128 },
            Sampling = new Sampling(2, 1000, false),
            PageTable = new PageTableRecording(true, null, 4, "calibration", 0x99),
            Causes = [new CauseProbe("reclaim", null), new CauseProbe("zeroing", "EPERM")],
            Slab = new SlabRecording([new CauseProbe("fast", null)], [], []),
            StackRecording = withStacks ? new StackRecording(null, 0, 0, 0, []) : null,
            Receipt = new Receipt { Events = 0 },
        },
    };

    private static SpoolEnding Ending() => new()
    {
        TimeNs = StartNs + 1000,
        EndReason = "exited",
        ExitStatus = 0,
        Counts = new CaptureCounts
        {
            Receipt = new Receipt { Events = 0, PerfMinor = 12, PerfMajor = 1, SampledOut = 4 },
            EventsLost = 1,
            StackWarnings = ["/bin/x: no table"],
            Costs = new CostCounts
            {
                LockWaits = [new LockWait(Pid, Pid, 0, 0, 1, 2, 2)],
                TlbFlushes = [new TlbFlushes(Pid, "TLB_LOCAL_SHOOTDOWN", 1, 2, 0)],
                Caches = [new SlabCount(Pid, "vm_area_struct", "fast", 3)],
                BuddyAllocations = [new BuddyCount(Pid, 0, 4)],
            },
        },
    };

    private static FaultRecord Fault(long timeNs, long address) => new()
    {
        StartNs = StartNs + timeNs,
        Address = address,
        Ip = 0x401000,
        DurationLow = 500,
        Pid = Pid,
        Tid = Pid + (int)(timeNs % 2),
        ErrorCode = 6,
        Bits = FaultBits.HasErrorCode | FaultBits.HasWalk,
        PteAfter = 0x8000_0000_1234_5867,
        Weight = 2,
    };

    private static DetailedFault Detailed(long timeNs, long address)
        => new() { Fault = Fault(timeNs, address), Details = new FaultDetails { Stack = StackId, HasCosts = 1 } };

    private static void Put<T>(SpoolWriter spool, SpoolRecordType type, T value)
        where T : unmanaged
        => spool.Append(type, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)));

    private static void Put<T>(SpoolWriter spool, SpoolRecordType type, T value, params ReadOnlySpan<ulong> rest)
        where T : unmanaged
        => spool.Append(type, 0, MemoryMarshal.AsBytes(new ReadOnlySpan<T>(in value)), MemoryMarshal.AsBytes(rest));
}
