namespace Faultrec.Cli.Tests;

/// <summary>Runs the native executable in a folder of the test's own.</summary>
public abstract class CliTest : IDisposable
{
    private protected TempFolder Folder { get; } = new();

    private protected Finished Faultrec(params string[] arguments)
        => Running.ToEnd(new Circumstances { Folder = Folder.Path }, Checkout.Faultrec, arguments);

    /// <summary>A shell's line; $F is the executable.</summary>
    private protected Finished Bash(string line)
        => Running.ToEnd(
            new Circumstances { Folder = Folder.Path, Environment = new Dictionary<string, string?> { ["F"] = Checkout.Faultrec } }, "bash", "-c", line);

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }
}
