using System.Xml.Linq;

namespace Faultrec.Cli.Tests;

/// <summary>Who may know whom (docs/architecture.md): the projects from their files, the folders from the compiled types.</summary>
public sealed class ArchitectureTests
{
    // Of the configuration that this test was built in.
    private static readonly string CompiledTypes =
        Path.Combine(Checkout.Root, "src", "Cli", "bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name,
            new DirectoryInfo(AppContext.BaseDirectory).Name);

    [Theory]
    [InlineData("Trace", "")]
    [InlineData("Recorder", "Trace")]
    [InlineData("Analyzer", "Trace")]
    [InlineData("Query", "Analyzer Trace")]
    [InlineData("Replay", "Analyzer Trace")]
    [InlineData("Cli", "Analyzer Query Recorder Replay Trace")]
    public void AProjectKnowsOnlyWhatItMay(string project, string mayKnow)
    {
        var file = XDocument.Load(Path.Combine(Checkout.Root, "src", project, $"{project}.csproj"));

        var known = file.Descendants("ProjectReference").Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value));

        Assert.Equal(mayKnow, string.Join(' ', known.Order()));
    }

    /// <summary>A new arrow is a decision: it is drawn in docs/architecture.md, or not made.</summary>
    [Fact]
    public void FoldersUseWhatTheArchitectureShows()
    {
        var drawn = File.ReadLines(Path.Combine(Checkout.Root, "docs", "architecture.md"))
            .SkipWhile(line => line != "| folder | uses |").Skip(2).TakeWhile(line => line.StartsWith('|')).ToList();

        var found = FolderArrows.Read(CompiledTypes).Select(folder => $"| {folder.Key} | {string.Join(", ", folder.Value)} |");

        Assert.Equal(string.Join('\n', drawn), string.Join('\n', found));
    }

    [Fact]
    public void NoFolderUsesItselfByAWayAround()
    {
        var left = FolderArrows.Read(CompiledTypes);

        // Whoever uses nobody that is left is on no way around.
        while (left.Where(folder => !folder.Value.Overlaps(left.Keys)).Select(folder => folder.Key).ToList() is [_, ..] ends)
            ends.ForEach(folder => left.Remove(folder));

        Assert.Empty(left.Select(folder => $"{folder.Key} -> {string.Join(", ", folder.Value.Intersect(left.Keys))}"));
    }

    [Fact]
    public void NativeCallsAreOnlyInFoldersOfTheirOwn()
    {
        var native = SourceFiles.In("src", ".cs").Where(file => File.ReadAllText(file.Path).Contains("[LibraryImport(", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(native);
        Assert.All(native, file => Assert.Matches("^(Recorder|Replay|Trace)/Native/", file.Name));
    }
}
