using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Native;

/// <summary>bpf/faultrec.h and ProbeLayout.cs are two texts of one layout: the C compiler says whether they agree.</summary>
public sealed partial class ProbeLayoutTests
{
    private static readonly (string C, Type Type, (string C, string Field)[] Members)[] _structs =
    [
        ("probe_config", typeof(ProbeConfig),
        [
            ("pidns_inum", "PidnsInum"), ("target_tgid", "TargetTgid"), ("ring_slots", "RingSlots"), ("scope", "Scope"),
            ("self_tgid", "SelfTgid"), ("machine_wide", "MachineWide"), ("leader_only", "LeaderOnly"),
            ("arg_address", "ArgAddress"), ("arg_flags", "ArgFlags"), ("arg_regs", "ArgRegs"), ("arg_count", "ArgCount"),
            ("sees_only_mapped", "SeesOnlyMapped"), ("has_details", "HasDetails"), ("has_costs", "HasCosts"),
            ("flag_tried", "FlagTried"), ("flag_remote", "FlagRemote"), ("flag_vma_lock", "FlagVmaLock"),
            ("starts_at_exception", "StartsAtException"), ("arg_lock_write", "ArgLockWrite"), ("sees_slow_slab", "SeesSlowSlab"), ("sees_new_slab", "SeesNewSlab"),
            ("result_retry", "ResultRetry"), ("result_error", "ResultError"), ("result_major", "ResultMajor"),
            ("code_maps", "CodeMaps"), ("cgroup_id", "CgroupId"), ("comm_star", "CommStar"), ("comm_accept", "CommAccept"), ("comm_masks", "CommMasks"),
        ]),
        ("probe_totals", typeof(ProbeTotals),
        [
            ("events_lost", "EventsLost"), ("tasks_marked", "TasksMarked"), ("returns_due", "ReturnsDue"), ("counts_lost", "CountsLost"),
            ("told_by_task", "ToldByTask"),
            ("kernel_minor", "KernelMinor"), ("kernel_major", "KernelMajor"), ("in_calls_minor", "InCallsMinor"), ("in_calls_major", "InCallsMajor"), ("exec_faults", "ExecFaults"),
        ]),
        ("lock_wait_key", typeof(LockWaitKey), [("pid", "Pid"), ("tid", "Tid"), ("holder_pid", "HolderPid"), ("holder_tid", "HolderTid")]),
        ("lock_wait", typeof(LockWaitCount), [("waits", "Waits"), ("total_ns", "TotalNs"), ("max_ns", "MaxNs")]),
        ("flush_key", typeof(FlushKey), [("pid", "Pid"), ("reason", "Reason")]),
        ("flushes", typeof(FlushCount), [("flushes", "Flushes"), ("pages", "Pages"), ("full", "Full")]),
        ("slab_key", typeof(SlabKey), [("cache", "Cache"), ("pid", "Pid"), ("stage", "Stage")]),
        ("slab_objects", typeof(SlabObjects), [("objects", "Objects"), ("name", "Name")]),
        ("buddy_key", typeof(BuddyKey), [("pid", "Pid"), ("order", "Order")]),
        ("fault_record", typeof(FaultRecord),
        [
            ("start_ns", "StartNs"), ("address", "Address"), ("ip", "Ip"), ("duration_ns", "DurationLow"), ("pid", "Pid"), ("tid", "Tid"),
            ("error_code", "ErrorCode"), ("bits", "Bits"), ("duration_high", "DurationHigh"),
            ("fault_flags", "FaultFlags"), ("fault_result", "FaultResult"), ("weight", "Weight"), ("handler", "Handler"),
            ("levels", "Levels"), ("pte_before", "PteBefore"), ("pte_after", "PteAfter"),
        ]),
        ("fault_details", typeof(FaultDetails),
        [
            ("vmf_address", "VmfAddress"), ("vmf_pgoff", "VmfPgoff"), ("cause_ns", "CauseNs"), ("objects", "Objects"), ("buddy_pages", "BuddyPages"), ("has_costs", "HasCosts"),
            ("stack", "Stack"),
        ]),
        ("code_maps", typeof(CodeMaps), [("count", "Count"), ("processes", "Processes"), ("uses", "Uses"), ("python", "Python"), ("python_runtime", "PythonRuntime"), ("mappings", "Mappings")]),
        ("unwind_row", typeof(UnwindRow), [("pc", "Pc"), ("cfa_offset", "CfaOffset"), ("rules", "Rules"), ("bp_offset", "BpOffset")]),
        ("code_mapping", typeof(CodeMapping), [("start", "Start"), ("end", "End"), ("bias", "Bias"), ("first_row", "FirstRow"), ("row_count", "RowCount")]),
        ("code_file", typeof(CodeFile),
        [
            ("code_address", "CodeAddress"), ("code_offset", "CodeOffset"), ("code_bytes", "CodeBytes"), ("first_row", "FirstRow"), ("row_count", "RowCount"),
            ("python_runtime", "PythonRuntime"), ("python", "Python"),
        ]),
        ("python_layout", typeof(PythonLayout),
        [
            ("minor", "Minor"), ("runtime_interpreters", "RuntimeInterpreters"), ("interpreter_threads", "InterpreterThreads"), ("thread_next", "ThreadNext"),
            ("thread_id", "ThreadId"), ("thread_frame", "ThreadFrame"), ("cframe_frame", "CframeFrame"), ("frame_back", "FrameBack"), ("frame_code", "FrameCode"),
            ("frame_instruction", "FrameInstruction"), ("frame_owner", "FrameOwner"), ("code_file", "CodeFile"), ("code_first_line", "CodeFirstLine"),
            ("code_bytes", "CodeBytes"), ("ascii_bytes", "AsciiBytes"), ("compact_bytes", "CompactBytes"), ("state_shift", "StateShift"),
        ]),
        ("code_file_key", typeof(CodeFileKey), [("inode", "Inode"), ("device", "Device")]),
        ("walk_state", typeof(WalkState),
        [
            ("direct_map", "DirectMap"), ("top_shift", "TopShift"), ("addresses", "Addresses"), ("pfns", "Pfns"),
            ("max_candidates", "MaxCandidates"), ("tgid", "Tgid"), ("frames", "Frames"),
        ]),
        ("ring_control", typeof(RingControl),
        [
            ("head", "Head"), ("lost", "Lost"), ("without_outcome", "WithoutOutcome"),
            ("sampled_out", "SampledOut"), ("sampled_out_major", "SampledOutMajor"), ("excluded", "Excluded"), ("gap", "Gap"), ("unreturned", "Unreturned"),
            ("tail", "Tail"), ("every", "Every"),
            ("kernel_minor", "KernelMinor"), ("kernel_major", "KernelMajor"), ("ended_minor", "EndedMinor"), ("ended_major", "EndedMajor"),
        ]),
        ("event_record", typeof(EventRecord),
        [
            ("time_ns", "TimeNs"), ("type", "Type"), ("pid", "Pid"), ("tid", "Tid"), ("cpu", "Cpu"),
            ("a[0]", "A0"), ("a[1]", "A1"), ("a[2]", "A2"), ("a[3]", "A3"), ("a[4]", "A4"), ("a[5]", "A5"), ("stack", "Stack"),
        ]),
    ];

    private static readonly Lazy<string> _header = new(() => File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "faultrec.h")));
    private static readonly Lazy<Dictionary<string, long>> _inC = new(AskCompiler);

    public static TheoryData<string> Structs => [.. _structs.Select(layout => layout.C)];

    [Theory]
    [MemberData(nameof(Structs))]
    public void SizesAndOffsetsAreThoseOfC(string name)
    {
        var (_, type, members) = _structs.Single(layout => layout.C == name);
        var inC = members.ToDictionary(member => member.Field, member => _inC.Value[$"{name}.{member.C}"]);
        var inCSharp = members.ToDictionary(member => member.Field, member => Marshal.OffsetOf(type, member.Field).ToInt64());
        Assert.Equal(inC, inCSharp);
        Assert.Equal(_inC.Value[name], Marshal.SizeOf(type));
    }

    /// <summary>A member that one side has and the other does not.</summary>
    [Theory]
    [MemberData(nameof(Structs))]
    public void NoMemberIsForgotten(string name)
    {
        var (_, type, members) = _structs.Single(layout => layout.C == name);
        var body = Regex.Match(_header.Value, $@"struct {name} \{{(.*?)\n\}};", RegexOptions.Singleline).Groups[1].Value;
        var declared = Declaration().Matches(Comment().Replace(body, "")).Select(match => match.Groups[1].Value).Where(member => member[0] != '_');
        Assert.Equal(declared.Order(), members.Select(member => member.C.Split('[')[0]).Distinct().Order());
        Assert.Equal(type.GetFields().Where(field => !field.IsLiteral).Select(field => field.Name).Order(), members.Select(member => member.Field).Order());
    }

    [Fact]
    public void FaultBitsAreThoseOfC()
    {
        var inC = Enumerators("fault_bits").ToDictionary(name => name["FAULT_".Length..].Replace("_", "", StringComparison.Ordinal).ToLowerInvariant(), name => _inC.Value[name]);
        var inCSharp = Enum.GetValues<FaultBits>().Where(bit => bit != 0).ToDictionary(bit => bit.ToString().ToLowerInvariant(), bit => (long)bit);
        Assert.Equal(inC, inCSharp);
    }

    [Fact]
    public void EventTypesAreThoseOfC()
    {
        var inC = Enumerators("event_type").ToDictionary(name => name["EVENT_".Length..].Replace("_", "").ToLowerInvariant(), name => _inC.Value[name]);
        var inCSharp = Enum.GetValues<EventType>().ToDictionary(type => type.ToString().ToLowerInvariant(), type => (long)type);
        Assert.Equal(inC, inCSharp);
    }

    /// <summary>The sixteen bytes before each frame of the spool; a spool of another layout would need another version.</summary>
    [Fact]
    public void FrameHeaderIsPacked()
    {
        string[] fields = ["Magic", "Type", "Cpu", "Length", "Checksum"];
        Assert.Equal([0, 4, 6, 8, 12], fields.Select(field => (int)Marshal.OffsetOf<Recorder.Spool.FrameHeader>(field)));
        Assert.Equal(16, Marshal.SizeOf<Recorder.Spool.FrameHeader>());
    }

    [Fact]
    public void PerfEventAttrIsThatOfTheKernel()
    {
        // include/uapi/linux/perf_event.h: PERF_ATTR_SIZE_VER7.
        Assert.Equal(128, Marshal.SizeOf<PerfEventAttr>());
        Assert.Equal(_inC.Value["perf.flags"], Marshal.OffsetOf<PerfEventAttr>("Flags"));
        Assert.Equal(_inC.Value["perf.wakeup"], Marshal.OffsetOf<PerfEventAttr>("WakeupWatermark"));
        Assert.Equal(_inC.Value["perf.clockid"], Marshal.OffsetOf<PerfEventAttr>("ClockId"));
        Assert.Equal(_inC.Value["perf.sample_type"], Marshal.OffsetOf<PerfEventAttr>("SampleType"));
    }

    private static Dictionary<string, long> AskCompiler()
    {
        var source = new StringBuilder("""
            #include <stddef.h>
            #include <stdio.h>
            #include <linux/perf_event.h>
            #include <linux/types.h>
            #include "faultrec.h"
            #define SAY(name, value) printf("%s %lld\n", name, (long long)(value))
            int main(void)
            {
                SAY("perf.flags", offsetof(struct perf_event_attr, read_format) + 8);
                SAY("perf.wakeup", offsetof(struct perf_event_attr, wakeup_watermark));
                SAY("perf.clockid", offsetof(struct perf_event_attr, clockid));
                SAY("perf.sample_type", offsetof(struct perf_event_attr, sample_type));

            """);
        foreach (var (name, _, members) in _structs)
        {
            source.AppendLine(CultureInfo.InvariantCulture, $"SAY(\"{name}\", sizeof(struct {name}));");
            foreach (var (member, _) in members)
                source.AppendLine(CultureInfo.InvariantCulture, $"SAY(\"{name}.{member}\", offsetof(struct {name}, {member}));");
        }
        foreach (var name in Enumerators("fault_bits").Concat(Enumerators("event_type")))
            source.AppendLine(CultureInfo.InvariantCulture, $"SAY(\"{name}\", {name});");
        source.Append('}');

        using var folder = new TempFolder();
        File.WriteAllText(folder.File("layout.c"), source.ToString());
        Tool.Run("clang", "-Wall", "-Werror", "-I", AppContext.BaseDirectory, folder.File("layout.c"), "-o", folder.File("layout"));
        return Tool.Run(folder.File("layout")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .ToDictionary(parts => parts[0], parts => long.Parse(parts[1], CultureInfo.InvariantCulture));
    }

    private static IEnumerable<string> Enumerators(string name)
    {
        var body = Regex.Match(_header.Value, $@"enum {name} \{{(.*?)\}};", RegexOptions.Singleline).Groups[1].Value;
        return Enumerator().Matches(Comment().Replace(body, "")).Select(match => match.Groups[1].Value);
    }

    [GeneratedRegex(@"/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"(?:__[us]\d+|struct \w+) (\w+)")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"([A-Z_]+)\s*=")]
    private static partial Regex Enumerator();
}
