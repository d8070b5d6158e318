using System.Text;
using System.Text.Json;
using Faultrec.Analyzer.Export;
using Faultrec.Analyzer.Measures;
using Faultrec.Analyzer.Scan;
using Faultrec.Analyzer.Text;
using Faultrec.Traces.Files;
using Faultrec.Traces.Metadata;
using Google.Protobuf;
using Xunit;

namespace Faultrec.Analyzer.Tests;

public class ExportTests
{
    [Fact]
    public void FoldedHasALineAStackFromTheThreadInwardsAndAllOfTheFaults()
        => Assert.Equal(
            """
            app;[no stack] 2
            app;main;fill 1
            app;main;fill;memset 3
            app;main;walk;walk 1
            app;[libstripped.so+0x1234] 1

            """.ReplaceLineEndings("\n"),
            Export(ExportFormat.Folded));

    [Theory]
    [InlineData(nameof(ExportWeight.Time),
        "app;[no stack] 2000\napp;main;fill 250000\napp;main;fill;memset 5000\napp;main;walk;walk 2000\napp;[libstripped.so+0x1234] 1000\n")]
    [InlineData(nameof(ExportWeight.Major), "app;main;fill 1\n")]
    public void Weights(string weight, string expected) => Assert.Equal(expected, Export(ExportFormat.Folded, Enum.Parse<ExportWeight>(weight)));

    [Fact]
    public void TwoAddressesOfAFunctionAreOneBoxAndTwoLinesOfAScriptAreTwo()
    {
        StackFrame[] frames =
        [
            new() { Kind = "user", Function = "main", Module = 0, Address = 1, File = "a.c", Line = 1 },
            new() { Kind = "user", Function = "main", Module = 0, Address = 2, File = "b.h", Line = 9 },
            new() { Kind = "python", Function = "<module>", File = "/x/a.py", Line = 1 },
            new() { Kind = "python", Function = "<module>", File = "/x/a.py", Line = 2 },
        ];
        var metadata = StackStory.Metadata() with { Stacks = new StackTable([new StackModule("/bin/a", null)], frames, [-1, -1, 0, 1], [0, 1, 2, 3]) };

        Assert.Equal(
            "app;main 2\napp;main;<module> (a.py:1) 1\napp;main;<module> (a.py:2) 1\n",
            Export(metadata, [new(1) { Stack = 0 }, new(1) { Stack = 1 }, new(1) { Stack = 2 }, new(1) { Stack = 3 }], ExportFormat.Folded));
    }

    [Theory]
    [InlineData("a;b", "a:b")]
    [InlineData("a\nb 12", @"a\x0ab 12")]
    [InlineData(" ", "[no name]")]
    [InlineData("\u001b[31m", @"\x1b[31m")]
    public void ANameInAFoldedLineIsOneFrameOfOneLine(string name, string inert) => Assert.Equal(inert, Escape.Frame(name));

    [Fact]
    public void SpeedscopeHasItsDocumentedMembersAndEveryIndexLeadsSomewhere()
    {
        Fault[] faults = [.. StackStory.Faults, new(0x10000) { Stack = 0, Tid = 11, Comm = "pool" }, new(0x10000) { Stack = 0, Tid = 11, Comm = "renamed" }];
        using var json = JsonDocument.Parse(Export(StackStory.Metadata(), faults, ExportFormat.Speedscope));
        var root = json.RootElement;
        var frames = root.GetProperty("shared").GetProperty("frames").EnumerateArray().Select(frame => frame.GetProperty("name").GetString()).ToArray();

        Assert.Equal("https://www.speedscope.app/file-format-schema.json", root.GetProperty("$schema").GetString());
        Assert.Equal(["app (pid 10)", "pool (pid 10, tid 11)"],
            root.GetProperty("profiles").EnumerateArray().Select(profile => profile.GetProperty("name").GetString()));
        var profile = root.GetProperty("profiles")[0];
        FormatTests.AssertKeys("type name unit startValue endValue samples weights", profile);
        Assert.Equal(("sampled", "none", 8L),
            (profile.GetProperty("type").GetString(), profile.GetProperty("unit").GetString(), profile.GetProperty("endValue").GetInt64()));
        var stacks = profile.GetProperty("samples").EnumerateArray()
            .Select(sample => string.Join('<', sample.EnumerateArray().Select(frame => frames[frame.GetInt32()])));
        var weights = profile.GetProperty("weights").EnumerateArray().Select(weight => weight.GetInt64());
        Assert.Equal(["[no stack] 2", "main<fill 1", "main<fill<memset 3", "main<walk<walk 1", "[libstripped.so+0x1234] 1"],
            stacks.Zip(weights, (stack, weight) => $"{stack} {weight}"));
    }

    [Fact]
    public void FirefoxTablesAreColumnsOfOneLengthWhoseIndicesLeadSomewhere()
    {
        using var json = JsonDocument.Parse(Export(ExportFormat.Firefox));
        var shared = json.RootElement.GetProperty("shared");
        int Length(string table) => shared.GetProperty(table).GetProperty("length").GetInt32();
        int?[] Column(string table, string column)
            => [.. shared.GetProperty(table).GetProperty(column).EnumerateArray()
                .Select(value => value.ValueKind == JsonValueKind.Null ? (int?)null : value.GetInt32())];

        foreach (var table in shared.EnumerateObject().Where(member => member.Value.ValueKind == JsonValueKind.Object))
        {
            Assert.All(table.Value.EnumerateObject().Where(column => column.Name != "length"),
                column => Assert.Equal(Length(table.Name), column.Value.GetArrayLength()));
        }

        var texts = shared.GetProperty("stringArray").EnumerateArray().Select(text => text.GetString()!).ToArray();
        var (prefixes, frames, functions, names) = (Column("stackTable", "prefix"), Column("stackTable", "frame"), Column("frameTable", "func"),
            Column("funcTable", "name"));
        string Describe(int? stack) => stack is not { } node ? "" : Describe(prefixes[node]) + "/" + texts[names[functions[frames[node]!.Value]!.Value]!.Value];
        var samples = Assert.Single(json.RootElement.GetProperty("threads").EnumerateArray()).GetProperty("samples");
        Assert.Equal(
            ["/[no stack]", "/[no stack]", "/main/fill/memset", "/main/fill/memset", "/main/fill/memset", "/main/walk/walk", "/main/fill",
                "/[libstripped.so+0x1234]"],
            samples.GetProperty("stack").EnumerateArray().Select(stack => Describe(stack.GetInt32()))
                .Order(Comparer<string>.Create((a, b) => Rank(a) - Rank(b))));
        Assert.All(Column("funcTable", "resource"), resource => Assert.InRange(resource!.Value, -1, Length("resourceTable") - 1));
        Assert.All(Column("funcTable", "source"), source => Assert.InRange(source ?? 0, 0, Length("sources") - 1));
        Assert.Equal(("samples", 8), (samples.GetProperty("weightType").GetString(), samples.GetProperty("length").GetInt32()));

        static int Rank(string stack)
            => Array.IndexOf(["/[no stack]", "/main/fill/memset", "/main/walk/walk", "/main/fill", "/[libstripped.so+0x1234]"], stack);
    }

    [Theory]
    [InlineData(1_000_000)]
    [InlineData(1000)]
    [InlineData(1)]
    public void FirefoxSamplesAreJoinedToABoundAndTheirSumsStay(int most)
    {
        var metadata = RandomTrace.Metadata(isSample: true);
        var faults = RandomTrace.Faults(metadata, 5000, seed: 3);
        using var file = new TemporaryTrace(metadata, faults, 700);
        using var reader = TraceReader.Open(file.Path);
        using var output = new MemoryStream();

        var note = TraceExport.WriteFirefox(reader, FaultFilter.None, ExportWeight.Faults, output, most);

        using var json = JsonDocument.Parse(output.ToArray());
        var (count, threads) = (0, new Dictionary<int, long>());
        foreach (var thread in json.RootElement.GetProperty("threads").EnumerateArray())
        {
            var samples = thread.GetProperty("samples");
            var times = samples.GetProperty("time").EnumerateArray().Select(time => time.GetDouble()).ToArray();
            Assert.Equal(times.Order(), times);
            count += times.Length;
            threads.Add(thread.GetProperty("tid").GetInt32(), samples.GetProperty("weight").EnumerateArray().Sum(weight => weight.GetInt64()));
        }

        Assert.Equal(faults.GroupBy(fault => fault.Tid).ToDictionary(thread => thread.Key, thread => thread.Sum(fault => (long)fault.Weight)), threads);
        Assert.Equal(most > 5000, note is null);
        Assert.InRange(count, most > 5000 ? 5000 : 1, Math.Max(most, 2 * 32 * threads.Count));
    }

    [Fact]
    public void PerfettoTellsEachStackBeforeTheSampleThatNeedsIt()
    {
        var packets = Proto.Parse(ExportBytes(ExportFormat.Perfetto)).All(1).Select(Proto.Parse).ToList();
        Assert.Equal([0xaa, 0x01],
            packets.SelectMany(packet => packet.All(12)).Select(Proto.Parse).SelectMany(data => data.All(16)).Select(Proto.Parse).First().All(2).Single());
        var (stacks, frames, names, samples) = (new Dictionary<ulong, ulong[]>(), new Dictionary<ulong, ulong>(), new Dictionary<ulong, string>(),
            new List<string>());
        foreach (var packet in packets)
        {
            foreach (var data in packet.All(12).Select(Proto.Parse))
            {
                foreach (var name in data.All(5).Select(Proto.Parse))
                    names.Add(name.Number(1), Encoding.UTF8.GetString(name.All(2).Single()));
                foreach (var frame in data.All(6).Select(Proto.Parse))
                    frames.Add(frame.Number(1), frame.Number(2));
                foreach (var stack in data.All(7).Select(Proto.Parse))
                    stacks.Add(stack.Number(1), [.. stack.Numbers(2)]);
            }

            foreach (var sample in packet.All(66).Select(Proto.Parse))
            {
                samples.Add(
                    $"{packet.Number(8)} {sample.Number(2)} {string.Join('/', stacks[sample.Number(4)].Select(frame => names[frames[frame]]))} "
                    + $"{sample.Number(6)}");
            }
        }

        Assert.Equal(
            [
                "5000 10 main/fill/memset 1", "5001 10 main/fill/memset 2", "5002 10 main/fill/memset 3", "5003 10 main/walk/walk 4",
                "5004 10 main/fill 5", "5005 10 [libstripped.so+0x1234] 6", "5006 10 [no stack] 7", "5007 10 [no stack] 8",
            ],
            samples);
    }

    private static readonly ProcessMemory[] Memory =
    [
        new(10, [100, 200, 300], [1 << 20, 3 << 20, 2 << 20], [4096, 8192, 8192], [0, 0, 1024], [0, 0, 2048], 4 << 20, true),
        new(11, [150], [1 << 20], [0], [0], [0], null, false),
    ];

    /// <summary>A counter's samples are differences; a process without a thread in the profile has none.</summary>
    [Fact]
    public void FirefoxHasACounterOfEachProcesssMemory()
    {
        using var json = JsonDocument.Parse(Export(StackStory.Metadata() with { Memory = Memory }, StackStory.Faults, ExportFormat.Firefox));

        var counter = Assert.Single(json.RootElement.GetProperty("counters").EnumerateArray());
        FormatTests.AssertKeys("name category description pid mainThreadIndex samples", counter);
        Assert.Equal(("Memory", "10"), (counter.GetProperty("category").GetString(), counter.GetProperty("pid").GetString()));
        var thread = json.RootElement.GetProperty("threads")[counter.GetProperty("mainThreadIndex").GetInt32()];
        Assert.Equal("10", thread.GetProperty("pid").GetString());
        var samples = counter.GetProperty("samples");
        Assert.Equal([0.0001, 0.0002, 0.0003], samples.GetProperty("time").EnumerateArray().Select(time => time.GetDouble()));
        Assert.Equal([1052672L, 2101248, -1047552], samples.GetProperty("count").EnumerateArray().Select(bytes => bytes.GetInt64()));
        Assert.Equal(3, samples.GetProperty("length").GetInt32());
    }

    /// <summary>Process and time of a filter apply.</summary>
    [Theory]
    [InlineData(null, null, null, "5100 10 1028/1024/4/0/0", "5200 10 3080/3072/8/0/0", "5300 10 2057/2048/8/1/2", "5150 11 1024/1024/0/0/0")]
    [InlineData(10, 200L, 300L, "5200 10 3080/3072/8/0/0")]
    public void PerfettoHasTheMemoryOfEachProcess(int? pid, long? fromNs, long? toNs, params string[] expected)
    {
        var filter = new FaultFilter { Pids = pid is { } one ? [one] : [], FromNs = fromNs, ToNs = toNs };
        using var file = new TemporaryTrace(StackStory.Metadata() with { ClockStartNs = 5000, Memory = Memory }, [.. StackStory.Faults], 2);
        using var reader = TraceReader.Open(file.Path);
        using var output = new MemoryStream();
        TraceExport.Write(reader, filter, ExportFormat.Perfetto, ExportWeight.Faults, output);

        var found = Proto.Parse(output.ToArray()).All(1).Select(Proto.Parse).SelectMany(packet => packet.All(9)
            .Select(Proto.Parse).SelectMany(stats => stats.All(1)).Select(Proto.Parse)
            .Select(process => $"{packet.Number(8)} {process.Number(1)} {string.Join('/', new[] { 3, 4, 5, 6, 7 }.Select(process.Number))}"));
        Assert.Equal(expected, found);
    }

    [Theory]
    [InlineData(nameof(ExportFormat.Folded))]
    [InlineData(nameof(ExportFormat.Speedscope))]
    [InlineData(nameof(ExportFormat.Firefox))]
    [InlineData(nameof(ExportFormat.Perfetto))]
    public void HostileNamesStayText(string formatName)
    {
        var format = Enum.Parse<ExportFormat>(formatName);
        const string evil = "=evil;|`<b>\u001b[2J\r\n\u202e,\"x\" \ud800";
        StackFrame[] frames = [new() { Kind = evil, Function = evil, File = evil, Line = 1, Module = 0 },
            new() { Kind = "python", Function = evil, File = evil }, new() { Kind = evil, Module = 0, Address = ulong.MaxValue }];
        var metadata = StackStory.Metadata() with
        {
            Command = [evil],
            Kernel = evil,
            Processes = [new ProcessEntry { Pid = 10, Comm = evil }],
            Threads = [new ThreadEntry { Pid = 10, Tid = 10, Comm = evil }],
            Stacks = new StackTable([new StackModule(evil, evil)], frames, [-1, 0, 1], [0, 1, 2]),
        };

        var text = Export(metadata, [new(1) { Stack = 2, Comm = evil }, new(1) { Comm = evil }], format);

        if (format == ExportFormat.Perfetto)
        {
            Assert.DoesNotContain("\u001b[2J", text, StringComparison.Ordinal);
            return;
        }

        Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c == '\u202e');
        if (format == ExportFormat.Folded)
            Assert.All(text.TrimEnd('\n').Split('\n'), line => Assert.Matches(@"^[^;]+(;[^;]+)+ \d+$", line));
        else
            JsonDocument.Parse(text).Dispose();
    }

    [Fact]
    public void AFilterAndThreadsThatScanSideBySideChangeNoSum()
    {
        var metadata = RandomTrace.Metadata(isSample: true);
        var faults = RandomTrace.Faults(metadata, 5000, seed: 4);
        using var file = new TemporaryTrace(metadata, faults, 700);
        using var reader = TraceReader.Open(file.Path);
        using var output = new MemoryStream();
        var (pid, half) = (faults[0].Pid, faults[2500].TimeNs);

        TraceExport.Write(reader, new FaultFilter { Pids = [pid], FromNs = half }, ExportFormat.Folded, ExportWeight.Faults, output);

        var sum = Encoding.UTF8.GetString(output.ToArray()).TrimEnd('\n').Split('\n')
            .Sum(line => long.Parse(line[(line.LastIndexOf(' ') + 1)..], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(faults.Where(fault => fault.Pid == pid && fault.TimeNs >= half).Sum(fault => (long)fault.Weight), sum);
    }

    private static string Export(ExportFormat format, ExportWeight weight = ExportWeight.Faults) => Encoding.UTF8.GetString(ExportBytes(format, weight));

    private static byte[] ExportBytes(ExportFormat format, ExportWeight weight = ExportWeight.Faults)
        => ExportBytes(StackStory.Metadata() with { ClockStartNs = 5000 }, [.. StackStory.Faults.Select((fault, i) => fault with { TimeNs = i })], format,
            weight);

    private static string Export(TraceMetadata metadata, Fault[] faults, ExportFormat format)
        => Encoding.UTF8.GetString(ExportBytes(metadata, faults, format, ExportWeight.Faults));

    private static byte[] ExportBytes(TraceMetadata metadata, Fault[] faults, ExportFormat format, ExportWeight weight)
    {
        using var file = new TemporaryTrace(metadata, faults, 2);
        using var reader = TraceReader.Open(file.Path);
        using var output = new MemoryStream();
        Assert.Null(TraceExport.Write(reader, FaultFilter.None, format, weight, output));
        return output.ToArray();
    }

    /// <summary>Fields of a protobuf message by number, read by the library's own decoder.</summary>
    private sealed class Proto
    {
        private readonly List<(int Field, object Value)> _fields = [];

        public static Proto Parse(byte[] bytes)
        {
            var (message, input) = (new Proto(), new CodedInputStream(bytes));
            while (input.ReadTag() is var tag && tag != 0)
            {
                message._fields.Add((WireFormat.GetTagFieldNumber(tag),
                    WireFormat.GetTagWireType(tag) == WireFormat.WireType.Varint ? input.ReadUInt64() : input.ReadBytes().ToByteArray()));
            }

            return message;
        }

        public IEnumerable<byte[]> All(int field) => _fields.Where(value => value.Field == field).Select(value => (byte[])value.Value);

        public IEnumerable<ulong> Numbers(int field) => _fields.Where(value => value.Field == field).Select(value => (ulong)value.Value);

        public ulong Number(int field) => Numbers(field).Single();
    }
}
