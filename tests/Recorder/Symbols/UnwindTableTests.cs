using System.Diagnostics;
using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>Rows made of a file's call-frame information, against what readelf makes of it.</summary>
public sealed class UnwindTableTests : IDisposable
{
    private const string Source = """
        volatile int sink;
        __attribute__((noinline)) int inner(int depth) { volatile char place[200]; place[depth] = 1; sink = place[depth]; return depth ? inner(depth - 1) + place[0] : 0; }
        __attribute__((noinline)) int outer(int depth) { return inner(depth) * inner(depth + 1); }
        void _start(void) { sink = outer(3); for (;;) {} }
        """;

    private readonly TempFolder _folder = new();

    [Theory]
    [InlineData("/lib/x86_64-linux-gnu/libc.so.6", 20_000)]
    [InlineData("/lib64/ld-linux-x86-64.so.2", 2_000)]
    [InlineData("/usr/lib/x86_64-linux-gnu/libstdc++.so.6", 20_000)]
    public void RowsOfLibrariesAreThoseOfReadelf(string path, int atLeast)
    {
        var rows = Make(path);
        var compared = 0;
        foreach (var (pc, cfa, rbx, rbp, ra) in Readelf(path))
        {
            var row = At(rows, pc);
            if (ra == "u")
                Assert.Equal(CfaRule.Outermost, row.CfaRule);
            if (ra != "c-8" || Cfa(cfa) is not var (rule, words))
                continue;
            Assert.Equal((pc, rule, words), (pc, row.CfaRule, (int)row.CfaOffset));
            Assert.Equal((pc, BelowCfa(rbp)), (pc, -row.BpOffset));
            Assert.Equal((pc, BelowCfa(rbx)), (pc, row.BxPlace == 0 ? 0 : row.BxPlace + 1));
            compared++;
        }

        Assert.InRange(compared, atLeast, int.MaxValue);
    }

    /// <summary>The dynamic linker's lazy binding, whose frame begins at rbx.</summary>
    [Fact]
    public void RbxIsFollowed() => Assert.Contains(Make("/lib64/ld-linux-x86-64.so.2"), row => row.CfaRule == CfaRule.Bx);

    /// <summary>Its entry is assembly that says nothing of its frames, and has a name where debug information is installed only.</summary>
    [Fact]
    public void NobodyCallsTheDynamicLinkersEntry()
    {
        const string path = "/lib64/ld-linux-x86-64.so.2";
        var entry = Tool.Run("readelf", "-h", path).Split('\n').First(line => line.Contains("Entry point", StringComparison.Ordinal)).Split("0x")[1];
        Assert.Equal(CfaRule.Outermost, At(Make(path), uint.Parse(entry, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).CfaRule);
    }

    /// <summary>However the file tells of its frames, the rows are the same.</summary>
    [Theory]
    [InlineData("-Wl,--no-eh-frame-hdr")] // as static programs
    [InlineData("-fno-asynchronous-unwind-tables -fno-unwind-tables -g")] // .debug_frame
    [InlineData("-fno-asynchronous-unwind-tables -fno-unwind-tables -g -gz=zlib")]
    public void EverySectionTellsTheSame(string options)
    {
        var expected = Rules(Make(Compile("")));
        Assert.InRange(expected.Count, 6, int.MaxValue);
        Assert.Equal(expected, Rules(Make(Compile(options))));
    }

    [Fact]
    public void SectionHeadersAreNotNeeded()
    {
        var path = Compile("");
        var expected = Make(path);
        var bytes = File.ReadAllBytes(path);
        bytes.AsSpan(0x28, 8).Clear(); // e_shoff
        bytes.AsSpan(0x3c, 4).Clear(); // e_shnum, e_shstrndx
        File.WriteAllBytes(path, bytes);
        Assert.Equal(expected, Make(path));
    }

    /// <summary>In words of 4 bytes, and with the registers' other numbers.</summary>
    [Fact]
    public void RowsOf32BitCode()
    {
        var path = Compile("-m32");
        var rows = Make(path);
        var compared = 0;
        foreach (var (pc, cfa, _, ebp, _) in Readelf(path).Where(row => row.Ra == "c-4"))
        {
            var row = At(rows, pc);
            var (register, offset) = (cfa[..3], int.Parse(cfa[4..], CultureInfo.InvariantCulture));
            Assert.Equal((register == "esp" ? CfaRule.Sp : CfaRule.Bp, offset / 4), (row.CfaRule, (int)row.CfaOffset));
            Assert.Equal(ebp == "u" ? 0 : int.Parse(ebp[1..], CultureInfo.InvariantCulture) / 4, row.BpOffset);
            compared++;
        }

        Assert.InRange(compared, 6, int.MaxValue);
    }

    [Theory]
    [InlineData("-fno-asynchronous-unwind-tables -fno-unwind-tables", "has no call-frame information")]
    [InlineData("--target=aarch64-linux-gnu -c", "is not for x86")]
    public void WithoutThemAFileHasNoRows(string options, string message)
        => Assert.Equal(message, Assert.Throws<BadElfException>(() => Make(Compile(options))).Message);

    public void Dispose() => _folder.Dispose();

    private static List<UnwindRow> Make(string path)
    {
        Assert.Null(Libdw.Reason); // asking also prepares libelf
        using var handle = File.OpenHandle(path);
        using var file = ElfFile.Open(handle);
        return UnwindTable.Make(file);
    }

    private static UnwindRow At(List<UnwindRow> rows, uint pc) => rows[rows.FindLastIndex(row => row.Pc <= pc)];

    // Those of code: where it lies may differ, and what is between functions.
    private static List<UnwindRow> Rules(List<UnwindRow> rows) => [.. rows.Where(row => row.CfaRule != CfaRule.Unknown).Select(row => row with { Pc = 0 })];

    private static (CfaRule Rule, int Words)? Cfa(string text) => text.Split('+') switch
    {
        ["rsp", var offset] => (CfaRule.Sp, int.Parse(offset, CultureInfo.InvariantCulture) / 8),
        ["rbp", var offset] => (CfaRule.Bp, int.Parse(offset, CultureInfo.InvariantCulture) / 8),
        ["rbx", var offset] => (CfaRule.Bx, int.Parse(offset, CultureInfo.InvariantCulture) / 8),
        _ => null,
    };

    // "c-24": 3.
    private static int BelowCfa(string text) => text.StartsWith("c-", StringComparison.Ordinal) ? int.Parse(text[2..], CultureInfo.InvariantCulture) / 8 : 0;

    /// <summary>
    /// A header of columns for each function, "LOC CFA rbx rbp ra", and a line a row; registers without a column are the caller's.
    /// The last line of an address counts.
    /// </summary>
    private static List<(uint Pc, string Cfa, string Bx, string Bp, string Ra)> Readelf(string path)
    {
        var told = new Dictionary<uint, (uint, string, string, string, string)>();
        string[] columns = [];
        var isFunction = false;
        // Its status is not 0 where a separate file of debug information has no frames.
        foreach (var line in Tool.Run(new ProcessStartInfo("readelf", ["--debug-dump=frames-interp", path]), mayFail: true).Split('\n'))
        {
            var parts = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (line.Contains(" FDE ", StringComparison.Ordinal) || line.Contains(" CIE ", StringComparison.Ordinal))
            {
                isFunction = line.Contains(" FDE ", StringComparison.Ordinal);
            }
            else if (parts is ["LOC", ..])
            {
                columns = parts;
            }
            else if (isFunction && parts.Length == columns.Length && parts.Length > 2
                && uint.TryParse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var pc))
            {
                told[pc] = (pc, parts[1], Column("rbx", "ebx"), Column("rbp", "ebp"), Column("ra", "ra"));
            }

            string Column(string name, string in32)
                => Array.FindIndex(columns, column => column == name || column == in32) is >= 0 and var index ? parts[index] : "u";
        }

        return [.. told.Values];
    }

    private string Compile(string options)
    {
        var (source, program) = (_folder.File("source.c"), _folder.File("program"));
        File.WriteAllText(source, Source);
        Tool.Run("clang",
            ["-O1", "-fno-stack-protector", "-fasynchronous-unwind-tables", "-Wl,--eh-frame-hdr", "-nostdlib", "-static", "-ffreestanding",
            "-Wno-unused-command-line-argument", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries), source, "-o", program]);
        return program;
    }
}
