namespace Faultrec.Cli.Tests;

/// <summary>What .editorconfig cannot hold: how long a line may be, and that each unsafe place says why it is safe.</summary>
public sealed class SourceStyleTests
{
    private static readonly string Long = new('x', SourceText.LongestLine + 1);

    [Fact]
    public void NoLineOfCSharpIsTooLongButForTestData()
        => AssertNone(Sources().SelectMany(file => file.Text.LongLines().Select(line => $"{file.Name}:{line}")));

    [Fact]
    public void EachUnsafePlaceSaysWhyItIsSafe()
        => AssertNone(Sources().SelectMany(file => file.Text.UnsafeWithoutReason().Select(line => $"{file.Name}:{line}")));

    [Fact]
    public void NoLineOfCIsTooLong()
        => AssertNone(
            from folder in (string[])["bpf", "src", "fixtures", "bench", "tests"]
            from file in SourceFiles.In(folder, ".c").Concat(SourceFiles.In(folder, ".h"))
            where Path.GetFileName(file.Path) != "vmlinux.h" // bpftool's
            from line in File.ReadLines(file.Path).Index()
            where line.Item.Length > SourceText.LongestLine
            select $"{folder}/{file.Name}:{line.Index + 1}");

    /// <summary>Codes for terminals have one home; the rest of the code says what its text means.</summary>
    [Fact]
    public void OneFileKnowsTheCodesOfTerminals()
        => Assert.Equal(
            ["Analyzer/Text/TerminalCode.cs"],
            from file in SourceFiles.In("src", ".cs")
            let text = File.ReadAllText(file.Path)
            where new[] { @"\e[", @"\x1b[", @"\u001b[" }.Any(code => text.Contains(code, StringComparison.OrdinalIgnoreCase))
            select file.Name);

    public static TheoryData<string, int[]> TextsWithLongLines =>
    [
        (Long, [1]),
        (Long[1..], []),
        ($"var text =\n    \"{Long}\";", [2]),
        ($"// \"\"\"\n// {Long}", [2]),
        ($"var text = $$\"\"\"\n    {Long}\n    \"\"\";\n{Long}", [4]),
        ($"Call(\"\"\"short\"\"\", {Long});", [1]),
        ($"Call(\"\"\"{Long}\"\"\");", []),
        ($"Call($\"{{text}} {{\"\\\"\"}}\", '\"', @\"\\\");\n{Long}", [2]),
    ];

    [Theory]
    [MemberData(nameof(TextsWithLongLines))]
    public void LongLinesAreFound(string text, int[] lines) => Assert.Equal(lines, new SourceText(text).LongLines());

    [Theory]
    [InlineData("internal unsafe class Ring", true)]
    [InlineData("// the ring is mapped\nprivate unsafe void Read()", true)]
    [InlineData("// SAFETY: the ring is mapped\n\nprivate unsafe void Read()", true)]
    [InlineData("// SAFETY: the ring is mapped\nvar ring = Ring;\nunsafe", true)]
    [InlineData("/// SAFETY: the ring is mapped\npublic unsafe void Read()", true)]
    [InlineData("Say($\"{name} of {Units.Of(rings, \"ring\")}\"); unsafe", true)]
    [InlineData("// SAFETY: the ring is mapped\n// until Dispose\npublic unsafe void Read()", false)]
    [InlineData("// SAFETY: the ring is mapped\n/// <summary>All.</summary>\n[Fact]\npublic unsafe void Read()", false)]
    [InlineData("Say(\"unsafe\"); // unsafe", false)]
    [InlineData("Say($\"{name + \" unsafe\"} unsafe\");", false)]
    [InlineData("Say(\"\"\"\n    an \"unsafe\" place\n    \"\"\");", false)]
    public void UnsafePlacesWithoutAReasonAreFound(string text, bool isFound)
        => Assert.Equal(isFound, new SourceText(text).UnsafeWithoutReason().Any());

    // The runner would show five.
    private static void AssertNone(IEnumerable<string> found) => Assert.True(!found.Any(), string.Join('\n', found));

    private static IEnumerable<(string Name, SourceText Text)> Sources()
        => from folder in (string[])["src", "tests"]
           from file in SourceFiles.In(folder, ".cs")
           where !file.Name.EndsWith(".g.cs", StringComparison.Ordinal)
           select ($"{folder}/{file.Name}", new SourceText(File.ReadAllText(file.Path)));
}
