namespace Faultrec.Cli.Tests;

/// <summary>Sources of the checkout, without what builds leave beside them.</summary>
internal static class SourceFiles
{
    /// <param name="folder">Below the root of the checkout.</param>
    /// <param name="extension">".cs"</param>
    /// <returns>Names are relative to the folder.</returns>
    public static IEnumerable<(string Name, string Path)> In(string folder, string extension)
    {
        var root = Path.Combine(Checkout.Root, folder);
        return Directory.EnumerateFiles(root, "*" + extension, SearchOption.AllDirectories)
            .Select(path => (Name: Path.GetRelativePath(root, path), Path: path))
            .Where(file => !file.Name.Split('/').Any(part => part is "obj" or "bin"))
            .OrderBy(file => file.Name, StringComparer.Ordinal);
    }
}
