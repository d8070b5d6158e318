namespace Faultrec.Testing;

/// <summary>Where things are in the checkout that these tests were built from; test.sh builds them before.</summary>
internal static class Checkout
{
    public static string Root { get; } = FindRoot();

    /// <summary>
    /// The native executable, as it is shipped; with FAULTREC_MANAGED=1 what `dotnet build` makes, which tests with the trait Needs=native cannot do with.
    /// </summary>
    public static string Faultrec { get; } = Environment.GetEnvironmentVariable("FAULTREC_MANAGED") == "1"
        ? Existing("src/Cli/bin/Release/net10.0/faultrec", "dotnet build src/Cli -c Release")
        : Existing("artifacts/faultrec/faultrec", "FAULTREC_BUILD_ONLY=1 ./faultrec");

    public static string RecordedTraces => Path.Combine(Root, "fixtures/traces");

    public static string Fixture(string name) => Existing($"fixtures/bin/{name}", "make -C fixtures");

    private static string Existing(string path, string recipe)
    {
        var full = Path.Combine(Root, path);
        return File.Exists(full) ? full : throw new FileNotFoundException($"{full} is not there; `{recipe}` makes it");
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Toolkit.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException($"no Toolkit.sln above {AppContext.BaseDirectory}");
    }
}
