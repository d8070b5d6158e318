using System.Text;
using CsCheck;
using Faultrec.Recorder.Kernel;
using Xunit;

namespace Faultrec.Recorder.Tests.Doctor;

/// <summary>/proc/kallsyms as text: which functions there are, under which names, and which are spelled alike.</summary>
public sealed class DoctorSymbolsTests
{
    private const string Kallsyms = """
        ffffffff81000000 T _stext
        ffffffff815ee9b0 T handle_mm_fault
        ffffffff815ee9c0 t __handle_mm_fault
        ffffffff815ee9a0 T __pfx_handle_mm_fault
        ffffffff81213e00 t handle_mm_fault.cold
        ffffffff815e0000 t do_fault.isra.0
        ffffffff81213f00 t do_fault.isra.0.cold
        ffffffff815e1000 t do_fault_around
        ffffffff815e2000 t twice
        ffffffff815e3000 t twice
        ffffffff82000000 D jiffies
        ffffffff82000008 W weak_one
        ffffffffc0000000 t handle_mm_fault_hook	[bpf]
        ffffffffc0001000 t nf_hook_entry	[nf_tables]
        ffffffffc0002000 t kprobe_insn_page	[__builtin__kprobes]
        """;

    private static readonly KernelSymbols KernelText = Symbols(Kallsyms + "\n");

    [Theory]
    [InlineData("handle_mm_fault", 1, "handle_mm_fault.cold")]
    [InlineData("do_fault", 0, "do_fault.isra.0, do_fault.isra.0.cold")]
    [InlineData("do_fault.isra.0", 1, "do_fault.isra.0.cold")]
    [InlineData("twice", 2, "")]
    [InlineData("weak_one", 1, "")]
    [InlineData("kprobe_insn_page", 1, "")]
    [InlineData("do_faul", 0, "")]
    [InlineData("mm_fault", 0, "")]
    [InlineData("T", 0, "")]
    public void ANameIsFoundWholeAndWithItsVariants(string name, int count, string variants)
    {
        var found = KernelText.Find(name);
        Assert.Equal((count, variants), (found.Count, string.Join(", ", found.Variants)));
    }

    [Fact]
    public void ASymbolOfAModuleSaysWhich()
        => Assert.Equal((1, "nf_tables"), (KernelText.Find("nf_hook_entry").Count, KernelText.Find("nf_hook_entry").Module));

    [Fact]
    public void DataIsNoFunction()
        => Assert.Equal((0, true), (KernelText.Find("jiffies").Count, KernelText.Find("jiffies").IsData));

    [Theory]
    [InlineData("")]
    [InlineData("\n\n")]
    [InlineData("ffffffff81000000")]
    [InlineData("ffffffff81000000 T")]
    [InlineData("ffffffff81000000 T ")]
    [InlineData("T handle_mm_fault")]
    [InlineData(" handle_mm_fault")]
    public void LinesThatAreNoneAreNoSymbols(string text)
    {
        Assert.Equal(0, Symbols(text).Find("handle_mm_fault").Count);
        Assert.Empty(Symbols(text).Similar("handle_mm_faul", 5));
    }

    [Fact]
    public void TheLastLineNeedsNoEnd() => Assert.Equal(1, Symbols("ffffffff81000000 T last").Find("last").Count);

    // Not itself, no BPF program, no padding symbol, no variant.
    [Theory]
    [InlineData("handle_pte_fault", "handle_mm_fault, __handle_mm_fault")]
    [InlineData("handle_mm_fualt", "handle_mm_fault, __handle_mm_fault")]
    [InlineData("handle_mm_fault", "__handle_mm_fault")]
    [InlineData("fault_around", "do_fault_around")]
    [InlineData("xyz", "")]
    public void NamesThatAreSpelledAlikeAreOfferedNearestFirst(string name, string expected)
        => Assert.Equal(expected, string.Join(", ", KernelText.Similar(name, 5)));

    [Fact]
    public void OnlySoManyAreOffered()
    {
        var text = string.Concat(Enumerable.Range(0, 50).Select(i => $"ffffffff81000000 t vfs_read{i:d2}\n"));
        Assert.Equal(["vfs_read00", "vfs_read01", "vfs_read02"], Symbols(text).Similar("vfs_read", 3));
    }

    /// <summary>The bounded distance against the textbook's, which fills the whole table.</summary>
    [Fact]
    public void TheDistanceIsTheTextbooks()
    {
        var word = Gen.Char["ab_c"].Array[1, 14].Select(letters => new string(letters));
        Gen.Select(word, word).Sample((wanted, name) =>
        {
            var limit = Math.Max(1, Math.Min(8, wanted.Length / 3));
            if (wanted.Length >= 5 && name.Contains(wanted, StringComparison.Ordinal))
                return; // Counts as near, whatever the edits.
            var edits = Edits(wanted, name);
            Assert.Equal(edits <= limit ? edits : null, new Spelling(Encoding.ASCII.GetBytes(wanted)).Distance(Encoding.ASCII.GetBytes(name)));
        }, seed: "0N0XIzNsQ0O2", iter: 20_000);
    }

    private static KernelSymbols Symbols(string text) => new(Encoding.ASCII.GetBytes(text));

    private static int Edits(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
        {
            for (var j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    d[i, j] = i + j;
                    continue;
                }

                d[i, j] = Math.Min(d[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), Math.Min(d[i - 1, j], d[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[a.Length, b.Length];
    }
}
