using System.Runtime.InteropServices;
using System.Text.Json.Nodes;

namespace Faultrec.Live.Tests;

/// <summary>What the doctor says of kernel functions, against what the kernel itself says to others who ask.</summary>
public sealed partial class DoctorTests : LiveTest
{
    private const string Bpftool = "/usr/sbin/bpftool";
    private const string Nobody = "65534";
    private const long SysBpf = 321; // x86-64
    private const long SysPerfEventOpen = 298;

    private static readonly string[] Path =
    [
        "handle_mm_fault", "__handle_mm_fault", "handle_pte_fault", "do_anonymous_page", "do_fault", "do_swap_page", "do_wp_page", "do_numa_page",
        "do_user_addr_fault", "exc_page_fault", "asm_exc_page_fault", "vfs_read", "no_such_function",
    ];

    [Fact]
    public void WhatIsNotInKallsymsIsNotInTheKernel()
    {
        var names = File.ReadLines("/proc/kallsyms").Select(line => line.Split(' ', '\t')).Where(fields => "tTwW".Contains(fields[1][0]))
            .Select(fields => fields[2]).ToHashSet();

        Assert.All(Ask(Path), function =>
        {
            var missing = Causes(function).Intersect(["not_in_kernel", "renamed", "not_a_function"]).Any();
            Assert.Equal(!names.Contains(Name(function)), missing);
            Assert.Equal(
                names.Where(name => name.StartsWith(Name(function) + ".", StringComparison.Ordinal)).Order(StringComparer.Ordinal),
                Texts(function["variants"]));
            Assert.All(Texts(function["similar"]), similar => Assert.Contains(similar, names));
        });
    }

    [Fact]
    public void FentryIsAnsweredAsTheKernelAnswersABareSystemCall()
    {
        var ids = FunctionIds();
        Assert.All(Ask(Path).Where(function => !IsMissing(function)), function =>
        {
            var refusal = ids.TryGetValue(Name(function), out var id) ? TryFentry(id) : "no BTF";
            Assert.Equal(refusal is null, Texts(function["by"]).Contains("fentry"));
            if (refusal is not null)
                Assert.Contains(refusal, Assert.Single(Reasons(function), reason => reason.Mechanism == "fentry").Text, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void KprobesAreAnsweredAsTheKernelAnswersABareSystemCall()
    {
        const string pmu = "/sys/bus/event_source/devices/kprobe/type";
        Assert.All(Ask(Path).Where(function => !IsMissing(function)), function =>
        {
            var works = File.Exists(pmu) && TryKprobe(uint.Parse(File.ReadAllText(pmu)), Name(function));
            Assert.Equal(works, Texts(function["by"]).Contains("kprobe"));
            Assert.Equal(!File.Exists(pmu), Causes(function).Contains("not_compiled_in"));
        });
    }

    [Fact]
    public void PrototypesAreThoseThatBpftoolReads()
    {
        if (!File.Exists(Bpftool))
            Assert.Skip("no bpftool to compare with");
        var types = JsonNode.Parse(Running.ToEnd(Bpftool, "-j", "btf", "dump", "file", "/sys/kernel/btf/vmlinux").Output)!["types"]!.AsArray();
        var byId = types.ToDictionary(type => type!["id"]!.GetValue<int>(), type => type!);
        var functions = types.Where(type => type!["kind"]!.GetValue<string>() == "FUNC").ToLookup(type => type!["name"]!.GetValue<string>());

        var compared = 0;
        foreach (var function in Ask(Path))
        {
            if (functions[Name(function)].FirstOrDefault() is not { } known)
            {
                Assert.Null(function["prototype"]);
                continue;
            }

            var parameters = byId[known["type_id"]!.GetValue<int>()]["params"]!.AsArray();
            Assert.Equal(parameters.Select(parameter => parameter!["name"]!.GetValue<string>()),
                function["arguments"]!.AsArray().Select(argument => argument!["name"]!.GetValue<string>()));
            Assert.Contains($" {Name(function)}(", function["prototype"]!.GetValue<string>().Replace('*', ' '), StringComparison.Ordinal);
            compared++;
        }

        Assert.True(compared >= 5);
    }

    /// <summary>The ladder tries the recorder's own probes; what the doctor offers instead must be what they stand on.</summary>
    [Fact]
    public void TheSubstituteIsWhatRecordingUses()
    {
        var ladder = JsonNode.Parse(Running.ToEnd(Checkout.Faultrec, "doctor", "--format", "json").Output)!["backends"]!.AsArray();
        var tracepoints = ladder.Single(rung => rung!["backend"]!.GetValue<string>() == "tracepoint")!["works"]!.GetValue<bool>();

        var substitute = Ask("asm_exc_page_fault").Single()["substitute"]!;

        Assert.Equal(tracepoints, Texts(substitute["by"]).Contains("tracepoint"));
        Assert.True(substitute["tried"]!.GetValue<bool>());
    }

    [Fact]
    public void WithoutRootItSaysWhatItCanAndTriesNothing()
    {
        var program = Folder["faultrec"];
        File.Copy(Checkout.Faultrec, program);
        var asNobody = Running.ToEnd(
            "setpriv", ["--reuid", Nobody, "--regid", Nobody, "--clear-groups", program, "doctor", "--format", "json", .. Path]);

        Assert.Equal((4, ""), (asNobody.Status, asNobody.Error));
        var theirs = JsonNode.Parse(asNobody.Output)!["functions"]!.AsArray();
        foreach (var (his, ours) in theirs.Zip(Ask(Path)))
        {
            Assert.Empty(Texts(his!["by"]));
            Assert.Equal(IsMissing(ours), !Causes(his!).Contains("missing_capability"));
            foreach (var fact in (string[])["prototype", "variants", "similar"])
                Assert.Equal(ours[fact]?.ToJsonString(), his![fact]?.ToJsonString());
            if (his!["substitute"] is { } substitute)
                Assert.False(substitute["tried"]!.GetValue<bool>());
        }
    }

    [Fact]
    public void NothingIsMountedOrLeftAttached()
    {
        var (mounts, objects) = (File.ReadAllText("/proc/self/mounts"), KernelObjects.All());

        _ = Ask(Path).Count;

        Assert.Equal(mounts, File.ReadAllText("/proc/self/mounts"));
        Running.Until(() => KernelObjects.All().IsSubsetOf(objects), "what the doctor tried is gone");
    }

    private static List<JsonNode> Ask(params string[] names)
    {
        var result = Running.ToEnd(Checkout.Faultrec, ["doctor", "--format", "json", .. names]);
        Assert.Equal("", result.Error);
        List<JsonNode> functions = [.. JsonNode.Parse(result.Output)!["functions"]!.AsArray().Select(function => function!)];
        Assert.Equal(names, functions.Select(Name));
        Assert.All(functions, function => Assert.Equal(Texts(function["by"]).Count > 0, function["traceable"]!.GetValue<bool>()));
        Assert.Equal(functions.TrueForAll(function => function["traceable"]!.GetValue<bool>()) ? 0 : 4, result.Status);
        return functions;
    }

    private static string Name(JsonNode function) => function["name"]!.GetValue<string>();

    private static bool IsMissing(JsonNode function) => Causes(function).Intersect(["not_in_kernel", "renamed"]).Any();

    private static IReadOnlyList<string> Texts(JsonNode? array) => [.. array!.AsArray().Select(text => text!.GetValue<string>())];

    private static IEnumerable<string> Causes(JsonNode function) => function["reasons"]!.AsArray().Select(reason => reason!["cause"]!.GetValue<string>());

    private static IEnumerable<(string Mechanism, string Text)> Reasons(JsonNode function)
        => function["reasons"]!.AsArray().Select(reason => (reason!["mechanism"]!.GetValue<string>(), reason["reason"]!.GetValue<string>()));

    private static Dictionary<string, int> FunctionIds()
    {
        if (!File.Exists(Bpftool))
            Assert.Skip("no bpftool to take BTF ids from");
        var dump = Running.ToEnd(Bpftool, "-j", "btf", "dump", "file", "/sys/kernel/btf/vmlinux").Output;
        return JsonNode.Parse(dump)!["types"]!.AsArray().Where(type => type!["kind"]!.GetValue<string>() == "FUNC")
            .GroupBy(type => type!["name"]!.GetValue<string>()).ToDictionary(group => group.Key, group => group.First()!["id"]!.GetValue<int>());
    }

    // BPF_PROG_LOAD of "r0 = 0; exit" with expected_attach_type BPF_TRACE_FENTRY, then BPF_RAW_TRACEPOINT_OPEN, as union bpf_attr has
    // them (include/uapi/linux/bpf.h). Null when both work, else the name of the errno.
    // SAFETY: everything the attributes point to is on this stack for the time of the call; they are 128 bytes long, and so much is said.
    private static unsafe string? TryFentry(int btfId)
    {
        const int progLoad = 5;
        const int rawTracepointOpen = 17;
        const uint tracing = 26;
        const uint fentry = 24;
        var instructions = stackalloc ulong[] { 0xb7, 0x95 };
        var license = stackalloc byte[] { (byte)'G', (byte)'P', (byte)'L', 0 };
        var load = stackalloc byte[128];
        new Span<byte>(load, 128).Clear();
        *(uint*)load = tracing;
        *(uint*)(load + 4) = 2;
        *(ulong*)(load + 8) = (ulong)instructions;
        *(ulong*)(load + 16) = (ulong)license;
        *(uint*)(load + 68) = fentry;
        *(int*)(load + 108) = btfId;
        var program = Syscall(SysBpf, progLoad, (nint)load, 128, 0, 0);
        if (program < 0)
            return ErrnoName();
        var open = stackalloc ulong[] { 0, (ulong)program };
        var link = Syscall(SysBpf, rawTracepointOpen, (nint)open, 16, 0, 0);
        var refusal = link < 0 ? ErrnoName() : null;
        if (link >= 0)
            _ = Close((int)link);
        _ = Close((int)program);
        return refusal;
    }

    // SAFETY: the attributes are 128 bytes long, as they say; the name is freed after the call.
    private static unsafe bool TryKprobe(uint type, string function)
    {
        var name = Marshal.StringToCoTaskMemUTF8(function);
        var attr = stackalloc byte[128];
        new Span<byte>(attr, 128).Clear();
        *(uint*)attr = type;
        *(uint*)(attr + 4) = 128;
        *(ulong*)(attr + 40) = 1; // disabled
        *(nint*)(attr + 56) = name; // kprobe_func
        var fd = Syscall(SysPerfEventOpen, (nint)attr, 0, -1, -1, 8);
        Marshal.FreeCoTaskMem(name);
        return fd >= 0 && Close((int)fd) == 0;
    }

    private static string ErrnoName() => Marshal.GetLastPInvokeError() switch
    {
        1 => "EPERM",
        2 => "ENOENT",
        16 => "EBUSY",
        22 => "EINVAL",
        var other => $"errno {other}",
    };

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long Syscall(long number, nint a0, nint a1, nint a2, nint a3, nint a4);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int fd);
}
