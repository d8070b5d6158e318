using System.Diagnostics;
using Xunit;

namespace Faultrec.Recorder.Tests.Support;

/// <summary>Programs that make what is tested, or say what is right.</summary>
internal static class Tool
{
    public static string Run(string program, params string[] arguments) => Run(new ProcessStartInfo(program, arguments));

    /// <param name="mayFail">What it has said until then is asked for.</param>
    /// <returns>What it writes to its standard output.</returns>
    public static string Run(ProcessStartInfo start, string input = "", bool mayFail = false)
    {
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        using var process = Process.Start(start)!;
        var (errors, output) = (process.StandardError.ReadToEndAsync(), process.StandardOutput.ReadToEndAsync());
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        Assert.True(mayFail || process.ExitCode == 0, $"{start.FileName} ends with {process.ExitCode}: {errors.Result}");
        return output.Result;
    }
}
