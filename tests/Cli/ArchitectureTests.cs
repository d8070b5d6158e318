using System.Xml.Linq;

namespace Faultrec.Cli.Tests;

/// <summary>Who may know whom (docs/architecture.md), read from the project files.</summary>
public sealed class ArchitectureTests
{
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

    [Fact]
    public void NativeCallsAreOnlyInFoldersOfTheirOwn()
    {
        var sources = Directory.EnumerateFiles(Path.Combine(Checkout.Root, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal));

        var native = sources.Where(path => File.ReadAllText(path).Contains("[LibraryImport(", StringComparison.Ordinal)).ToList();

        Assert.NotEmpty(native);
        Assert.All(native, path => Assert.Matches("src/(Recorder|Replay|Trace)/Native/", path));
    }
}
