using System.Diagnostics;
using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>
/// A Go program without symbols and debug information: what its runtime's table tells, against Go's and binutils' tools on the same program with them.
/// </summary>
public sealed class GoFunctionsTests : IDisposable
{
    private const string Source = """
        package main
        func fill(n int) []byte {
        	b := make([]byte, n)
        	for i := 0; i < n; i += 4096 {
        		b[i] = 1
        	}
        	return b
        }
        func main() {
        	done := make(chan int)
        	go func() {
        		sum := 0
        		for i := 0; i < 100; i++ {
        			sum += len(fill(i << 16))
        		}
        		done <- sum
        	}()
        	<-done
        }
        """;

    private readonly TempFolder _folder = new();

    public GoFunctionsTests() => Assert.SkipUnless(File.Exists("/usr/bin/go"), "go is not installed");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FunctionsAndLinesAreThoseOfGosAddr2line()
    {
        var (whole, stripped) = (Build(""), Build("-s -w"));
        // Functions of the program, of the runtime, and of assembly.
        var addresses = Tool.Run("nm", whole).Split('\n').Select(line => line.Split(' '))
            .Where(parts => parts is [_, "T" or "t",
                "main.main" or "main.main.func1" or "runtime.mallocgc" or "runtime.memclrNoHeapPointers" or "runtime.goexit.abi0"])
            .SelectMany(parts => Enumerable.Range(0, 12)
                .Select(step => ulong.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture) + (ulong)(step * 3)))
            .ToList();
        Assert.InRange(addresses.Count, 5 * 12, int.MaxValue);
        var expected = Go(string.Concat(addresses.Select(address => $"0x{address:x}\n")), "tool", "addr2line", whole).Split('\n',
            StringSplitOptions.RemoveEmptyEntries);

        Assert.Null(Libdw.Reason); // asking also prepares libelf
        using var module = new ModuleSymbols(Open(stripped), stripped);
        var told = addresses.Select(module.Find).Select(code => Assert.Single(code.Names))
            .SelectMany(name => new[] { name.Function, $"{name.File}:{name.Line ?? -1}" });

        Assert.Equal(expected.Select(WithoutAbi), told.Select(text => WithoutAbi(text!)));
    }

    [Fact]
    public void RowsAreThoseOfTheDebugFrames()
    {
        var (whole, stripped) = (Build(""), Build("-s -w"));
        Assert.Null(Libdw.Reason);
        using var file = Open(stripped);
        var rows = UnwindTable.Make(file);
        var compared = 0;
        foreach (var line in Tool.Run("readelf", "--debug-dump=frames-interp", whole).Split('\n'))
        {
            // "0000000000401000 rsp+16   c-8"
            if (line.Split(' ', StringSplitOptions.RemoveEmptyEntries) is not [var at, var cfa, "c-8"]
                || !uint.TryParse(at, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var pc))
            {
                continue;
            }

            var row = rows[rows.FindLastIndex(row => row.Pc <= pc)];
            if (row.CfaRule != CfaRule.Sp)
                continue; // of the runtime: nobody calls them, or they go to another stack
            Assert.Equal((pc, cfa), (pc, $"rsp+{row.CfaOffset * 8}"));
            compared++;
        }

        Assert.InRange(compared, 1_000, int.MaxValue);
        // Which functions they are the symbol table knows; runtime.systemstack's caller is on another stack than what it calls.
        var symbols = Tool.Run("nm", whole).Split('\n').Select(line => line.Split(' ')).Where(parts => parts.Length == 3)
            .ToLookup(parts => WithoutAbi(parts[2]), parts => uint.Parse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        CfaRule RuleOf(string function) => rows[rows.FindLastIndex(row => row.Pc <= symbols[function].First())].CfaRule;
        Assert.Equal((CfaRule.Outermost, CfaRule.Unsupported), (RuleOf("runtime.goexit"), RuleOf("runtime.systemstack")));
    }

    /// <summary>Whatever bytes it has, it is told or refused.</summary>
    [Fact]
    public void ADamagedTableIsABadFile()
    {
        var good = File.ReadAllBytes(Build("-s -w"));
        var table = good.AsSpan().IndexOf<byte>([0xf0, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
        table = table >= 0 ? table : good.AsSpan().IndexOf<byte>([0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8]);
        Assert.InRange(table, 1, good.Length);
        Assert.Null(Libdw.Reason);
        var random = new Random(1);
        for (var round = 0; round < 200; round++)
        {
            var bad = (byte[])good.Clone();
            // Half of them in the header, where the places are.
            for (var i = 0; i < 4; i++)
                bad[table + 8 + random.Next(round % 2 == 0 ? 64 : 1 << 17)] = (byte)random.Next();
            var path = _folder.File("bad");
            File.WriteAllBytes(path, bad);
            using var file = Open(path);
            try
            {
                Assert.NotEmpty(UnwindTable.Make(file));
                GoFunctions.Read(file)!.Find(0x401000 + (ulong)random.Next(1 << 18));
            }
            catch (BadElfException)
            {
            }
        }
    }

    // "runtime.goexit.abi0" of the symbol table.
    private static string WithoutAbi(string name) => name.Replace(".abi0", "", StringComparison.Ordinal);

    private static ElfFile Open(string path) => ElfFile.Open(File.OpenHandle(path));

    private string Build(string linkerFlags)
    {
        var (source, program) = (_folder.File("source.go"), _folder.File($"program{linkerFlags.Length}"));
        File.WriteAllText(source, Source);
        Go("", "build", "-ldflags", linkerFlags, "-o", program, source);
        return program;
    }

    private string Go(string input, params string[] arguments)
    {
        var start = new ProcessStartInfo("go", arguments);
        start.Environment["GOCACHE"] = _folder.File("cache");
        return Tool.Run(start, input);
    }
}
