using System.Globalization;
using System.Text.RegularExpressions;
using Faultrec.Traces.Columns;
using Faultrec.Traces.Metadata;

namespace Faultrec.Live.Tests;

/// <summary>User stacks, against what the fixtures' sources and perf's own unwinding say.</summary>
public sealed partial class StackTests : LiveTest
{
    private const int Pages = 300;

    [Theory]
    [InlineData("callchain")]
    [InlineData("callchain_fp")]
    [InlineData("callchain_static")]
    public void EveryFaultNamesTheCodeThatTouchedThePage(string fixture)
    {
        var (said, rows) = RecordStacks(Checkout.Fixture(fixture), $"{Pages}");

        var touched = rows.In(Address(said, "start"), 2 * Pages);
        Assert.Equal(2 * Pages, touched.Count);
        var stacks = touched.Select(row => NotInlined(rows, row.StackId).ToList()).ToList();
        Assert.All(stacks.Take(Pages), stack => Assert.Equal(["touch_by_store", "inner", "outer", "main"], stack.Take(4)));
        Assert.All(stacks.Skip(Pages), stack => Assert.Equal(["touch_by_memset", "inner", "outer", "main"], stack.Skip(1).Take(4)));
        Assert.All(stacks, stack => Assert.Equal("_start", stack[^1]));
        // What the dynamic linker does before main counts too.
        AssertReach(rows.All, row => Functions(rows, row.StackId)[^1] == "_start");
    }

    [Theory]
    [InlineData("callchain")]
    [InlineData("callchain_fp")]
    public void ChainsAreThoseOfPerf(string fixture)
    {
        // perf's ring must hold a kibibyte of stack for each.
        var perf = $"perf record -q -m 1024 -c 1 -d -e minor-faults:u --call-graph dwarf,1024 -o {Folder["perf.data"]} -- $0 $1";
        // Once before: its unwind tables are made when it is first executed, and that takes a while.
        var (_, rows) = RecordStacks("sh", "-c", $"$0 1 >{Folder["first"]}; sleep 1; {perf}", Checkout.Fixture(fixture), $"{Pages}");

        var ours = rows.All.Where(row => row.Comm.StartsWith("callchain", StringComparison.Ordinal)).GroupBy(row => row.Address)
            .ToDictionary(group => group.Key, group => UpToMain(NotInlined(rows, group.Last().StackId)));
        // perf also calls some of libc's aliases inlined: of those that it unwound these are compared whose names are ours alone.
        var chains = PerfChains(Folder["perf.data"])
            .Where(chain => chain.Functions is [.., "main"] && chain.Functions.Any(name => name.StartsWith("touch_by", StringComparison.Ordinal))).ToList();
        Assert.InRange(chains.Count, Pages, int.MaxValue);
        Assert.All(chains, chain => Assert.Equal(chain.Functions, ours[chain.Address]));
    }

    [Fact]
    public void RegionsNameTheCodeThatMappedThem()
    {
        var (said, rows) = RecordStacks(Checkout.Fixture("callchain"), $"{Pages}");

        string Mapper(string what) => string.Join(' ', NotInlined(rows, rows.All.First(row => row.IsIn(Address(said, what), 1)).MapperStackId));
        Assert.Matches(@"^\S*mmap\S* (map_anonymous )?reserve_by_mmap main ", Mapper("start"));
        Assert.Matches(@"^\S*mremap\S* reserve_by_mremap main ", Mapper("moved"));
        Assert.Matches(@"^\S*brk\S* \S*sbrk\S* reserve_by_brk main ", Mapper("heap"));
    }

    /// <summary>The kernel has one mapping of neighbours; who reserved which part is known all the same.</summary>
    [Fact]
    public void EachPartOfARegionNamesTheCodeThatReservedIt()
    {
        const int pages = 200;
        var (said, rows) = RecordStacks(Checkout.Fixture("reservers"), $"{pages}");

        foreach (var part in (string[])["first_of_heap", "rest_of_heap", "second_of_neighbours", "grown_in_place", "again_in_a_hole", "taken_into_use"])
        {
            var touched = rows.In(Address(said, part), pages);
            Assert.Equal(pages, touched.Count);
            Assert.All(touched, row => Assert.Contains(part, Functions(rows, row.MapperStackId)));
        }

        var heap = Assert.Single(rows.In(Address(said, "first_of_heap"), 2 * pages).Select(row => row.Region!.Id).Distinct());
        var report = System.Text.Json.Nodes.JsonNode
            .Parse(Running.ToEnd(InFolder, Checkout.Faultrec, ["report", TracePath, "--format", "json", "--top", "0"]).Output)!.AsObject();
        var shares = report["regions"]!.AsArray().Single(region => region!["id"]!.GetValue<int>() == heap)!["reserved_by"]!.AsArray()
            .ToDictionary(mapper => mapper!["code"]!.GetValue<string>().Split(' ')[0], mapper => mapper!["faults"]!.GetValue<long>());
        Assert.Equal((pages, pages), (shares["first_of_heap"], shares["rest_of_heap"]));
    }

    /// <summary>Where the kernel touches the page, the stack also has the way to there from the system call.</summary>
    [Fact]
    public void FaultsOfTheKernelHaveItsFramesToo()
    {
        var (_, rows) = RecordStacks(Checkout.Fixture("kernel_touch"), "100");

        var byKernel = rows.All.Where(row => row.KernelAccess && Functions(rows, row.StackId).Contains("main")).ToList();
        Assert.InRange(byKernel.Count, 100, int.MaxValue);
        Assert.All(byKernel, row =>
        {
            var frames = rows.Metadata.Stacks!.FramesOf(row.StackId!.Value).ToList();
            var ofKernel = frames.TakeWhile(frame => frame.Kind == "kernel").ToList();
            Assert.Contains(ofKernel, frame => frame.Function is "do_syscall_64" or "x64_sys_call");
            Assert.DoesNotContain(ofKernel,
                frame => frame.Function!.StartsWith("bpf_", StringComparison.Ordinal) || frame.Function.Contains("page_fault", StringComparison.Ordinal));
            Assert.DoesNotContain(frames.Skip(ofKernel.Count), frame => frame.Kind == "kernel");
        });
        Assert.All(rows.All.Where(row => !row.KernelAccess && row.StackId is not null),
            row => Assert.DoesNotContain(rows.Metadata.Stacks!.FramesOf(row.StackId!.Value), frame => frame.Kind == "kernel"));
    }

    /// <summary>A file that is gone when the trace is made, and files that have their names under another root only.</summary>
    [Theory]
    [InlineData("cp $0 x; ./x 64 & sleep 1; rm x; echo other >x; kill $!; wait")]
    [InlineData(
        "mkdir -p root/lib64; cp $0 root/x; cp /lib64/ld-linux-x86-64.so.2 /lib/x86_64-linux-gnu/libc.so.6 root/lib64;  LD_LIBRARY_PATH=/lib64 chroot root "
        + "/x 64 & sleep 2; kill $!; wait")]
    public void FilesOutOfReachAreRead(string script)
    {
        var (_, rows) = RecordStacks("sh", "-c", $"cd {Folder["."]}; {script}", Checkout.Fixture("keep_touching"));

        // The first are taken before the tables of its files are there.
        var last = rows.All.Where(row => row is { Comm: "x", RegionName: "[anon]", Access: FaultAccess.Write }).TakeLast(1000).ToList();
        Assert.Equal(1000, last.Count);
        Assert.All(last, row => Assert.Contains("main", Functions(rows, row.StackId)));
        Assert.All(last, row => Assert.Equal("_start", Functions(rows, row.StackId)[^1]));
    }

    [Fact]
    public void FailedFaultsHaveStacks()
    {
        var (_, rows) = RecordStacks(Checkout.Fixture("segv"), "16", "5");

        var failed = rows.All.Where(row => row.Signal is not null).ToList();
        Assert.Equal(6, failed.Count);
        Assert.All(failed, row => Assert.Contains("main", Functions(rows, row.StackId)));
    }

    [Fact]
    public void StacksOfAProgramThatRunsAlready()
    {
        using var program = Running.Start(Checkout.Fixture("wait_then_touch"), "2", $"{Pages}");
        program.ReadLine();
        using var recorder = StartRecording("--pid", $"{program.Pid}", "--stacks");
        program.WriteByte();
        program.ReadLine();
        program.WriteByte();
        program.Wait();
        Assert.Equal(0, recorder.Wait().Status);

        var rows = Rows.Read(TracePath);
        AssertReach(rows.All, row => Functions(rows, row.StackId).Any(name => name is "main" or "start_thread" or "clone3" or "__clone3"));
    }

    [Fact]
    public void PythonFramesAreThoseOfTheScript()
    {
        var script = Path.Combine(Checkout.Root, "fixtures/alloc.py");
        var lines = File.ReadAllLines(script);
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "-o", TracePath, "--", "/usr/bin/python3", script, "8");
        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);

        Assert.Empty(rows.Metadata.StackRecording!.Warnings);
        var blocks = rows.All.Where(row => row.Region!.Size() >= 10_000_000).ToList();
        Assert.InRange(blocks.Count, 8 * 2441, int.MaxValue);
        AssertReach(blocks, row => Python(rows, row.StackId).Any(frame => frame.Function == "allocate_and_touch"
            && frame.File == script && lines[frame.Line!.Value - 1].Contains("bytearray(size)", StringComparison.Ordinal)));
        AssertReach(blocks,
            row => Python(rows, row.StackId).Any(frame => frame.Function == "main" || frame.Function!.Contains("<listcomp>", StringComparison.Ordinal)));
        AssertReach(blocks, row => Python(rows, row.StackId)[^1] is { Function: "<module>", Line: { } line } && lines[line - 1].Trim() == "main()");
        AssertReach(rows.All, row => Functions(rows, row.StackId)[^1] == "_start");
    }

    /// <summary>As Debian ships them: stripped, without frame pointers, C++ in libraries of 100 MB, and Rust.</summary>
    [Theory]
    [InlineData("clang-format", "--dump-config", "clang-format")]
    [InlineData("rg", "--threads 2 -c fault /usr/include", "rg")]
    public void StacksOfProgramsFromPackagesReachTheirOwnCode(string program, string arguments, string file)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--stacks", "-o", TracePath, "--", program, .. arguments.Split(' ')]);
        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);

        Assert.InRange(rows.All.Count, 200, int.MaxValue);
        Assert.InRange(rows.All.Count(row => Modules(rows, row.StackId).Contains(file)), 100, int.MaxValue);
        // The dynamic linker's own start, the program's, or a thread's.
        AssertReach(rows.All, row => Modules(rows, row.StackId)[^1] is "ld-linux-x86-64.so.2" || Modules(rows, row.StackId)[^1] == file
            || Functions(rows, row.StackId)[^1] is "clone3" or "__clone3");
    }

    [Fact]
    public void TheStacksOfPerfsRungAreRefusedAloud()
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "--backend", "perf", "-o", TracePath, "--", Checkout.Fixture("seq_touch"),
            "1");

        Assert.Equal(0, result.Status);
        Assert.Contains("no stacks are recorded: the perf backend", result.Error, StringComparison.Ordinal);
        Assert.NotNull(Rows.Read(TracePath).Metadata.StackRecording!.Reason);
    }

    private (System.Text.Json.Nodes.JsonObject Said, Rows Rows) RecordStacks(string program, params string[] arguments)
    {
        var result = Running.ToEnd(InFolder, Checkout.Faultrec, ["record", "--stacks", "-o", TracePath, "--", program, .. arguments]);
        Assert.Equal(0, result.Status);
        var rows = Rows.Read(TracePath);
        // Not more: a signal can end a fault's first try, and those of perf and a shell have some.
        Assert.True(rows.Receipt.Complete);
        Assert.Equal(0, rows.Metadata.StackRecording!.Lost);
        return (Said(result.Output), rows);
    }

    // The goal is that of the fault that happens before a table could be made, or whose stack was overwritten.
    private static void AssertReach(IReadOnlyList<Row> rows, Func<Row, bool> reaches)
    {
        var reached = rows.Count(row => row.StackId is not null && reaches(row));
        Assert.True(reached >= 0.95 * rows.Count, $"{reached} of {rows.Count} faults have a stack that reaches there");
    }

    private static List<string> Functions(Rows rows, int? stack)
        => stack is { } id ? [.. rows.Metadata.Stacks!.FramesOf(id).Select(frame => frame.Function ?? $"{frame.Address:x}")] : ["(no stack)"];

    private static List<string> Modules(Rows rows, int? stack) => stack is { } id
        ? [.. rows.Metadata.Stacks!.FramesOf(id).Select(frame => frame.Module is { } module ? Path.GetFileName(rows.Metadata.Stacks.Modules[module].Path) : "")]
        : [""];

    private static IEnumerable<string> NotInlined(Rows rows, int? stack)
        => rows.Metadata.Stacks!.FramesOf(stack!.Value).Where(frame => !frame.Inlined).Select(frame => frame.Function ?? "");

    private static List<StackFrame> Python(Rows rows, int? stack)
        => stack is { } id ? [.. rows.Metadata.Stacks!.FramesOf(id).Where(frame => frame.Kind == "python")] : [];

    private static IEnumerable<string> UpToMain(IEnumerable<string> functions)
    {
        foreach (var function in functions)
        {
            yield return function;
            if (function == "main")
                yield break;
        }
    }

    // "7f12a0001000 what is there", and its frames below: "  5581 name".
    private static IEnumerable<(ulong Address, List<string> Functions)> PerfChains(string path)
    {
        foreach (var sample in Running.ToEnd("perf", "script", "-i", path, "-F", "addr,ip,sym").Output.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = sample.Split('\n', StringSplitOptions.RemoveEmptyEntries);
            var functions = lines.Skip(1).Where(line => !line.EndsWith("(inlined)", StringComparison.Ordinal))
                .Select(line => PerfFrame().Match(line).Groups[1].Value);
            yield return (ulong.Parse(lines[0].Trim().Split(' ')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture), [.. UpToMain(functions)]);
        }
    }

    [GeneratedRegex(@"^\s*[0-9a-f]+ (\S+)")]
    private static partial Regex PerfFrame();
}
