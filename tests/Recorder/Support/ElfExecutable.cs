namespace Faultrec.Recorder.Tests.Support;

/// <summary>The native executable, which reads ELF files in a second process, and a fixture for it to read.</summary>
internal static class ElfExecutable
{
    public const string WhyNot = "faultrec and its fixtures are not built; ./test.sh builds them";

    public static string Root { get; } = FindRoot();

    public static string Path { get; } = System.IO.Path.Combine(Root, "artifacts/faultrec/faultrec");

    public static string Program { get; } = System.IO.Path.Combine(Root, "fixtures/bin/callchain");

    public static bool IsBuilt => File.Exists(Path) && File.Exists(Program);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(System.IO.Path.Combine(folder.FullName, "Toolkit.sln")))
            folder = folder.Parent!;
        return folder.FullName;
    }
}
