using System.CommandLine;
using Faultrec.Traces;

namespace Faultrec.Cli.Output;

/// <summary>`--debuginfod`, of the verbs that name code.</summary>
internal static class DebuginfodOption
{
    private const string Urls = "DEBUGINFOD_URLS";

    public static Option<bool> Create()
        => new("--debuginfod") { Description = $"Ask the servers of {Urls} for debug files missing here" };

    /// <exception cref="FaultrecException">There is no server to ask.</exception>
    public static bool Parse(bool wanted)
        => !wanted || !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(Urls))
            ? wanted
            : throw new FaultrecException(
                ExitCode.Usage, $"--debuginfod: {Urls} names no server; set it to an address (sudo passes it on with --preserve-env={Urls})");
}
