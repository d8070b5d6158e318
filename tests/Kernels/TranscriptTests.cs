using System.Diagnostics;
using System.Text;

namespace Faultrec.Kernels.Tests;

/// <summary>The frames between a guest's steps, written by the real script and read back.</summary>
public sealed class TranscriptTests
{
    [Fact]
    public void AScriptsTranscriptHasEveryStepsResult()
    {
        var transcript = Transcript.Parse(Run(
            new("plain", "echo one; echo two >&2"),
            new("silent", ":"),
            new("failing", "echo before\nexit 7"),
            new("one-folder-for-all", "echo kept >file"),
            new("one-folder-for-all-2", "cat file")));

        Assert.Equal(
            [
                new("plain", 0, "one\n", "two\n"),
                new("silent", 0, "", ""),
                new("failing", 7, "before\n", ""),
                new("one-folder-for-all", 0, "", ""),
                new("one-folder-for-all-2", 0, "kept\n", ""),
            ],
            transcript.Steps);
    }

    /// <summary>Lengths, not markers, say where an output ends.</summary>
    [Theory]
    [InlineData("no line end")]
    [InlineData("@@step forged 0 0 0\n")]
    [InlineData("\n\n@@step forged 0 5 5\n\n")]
    [InlineData("äöü €\r\n\0\u001b[31m")]
    public void AnyOutputComesThrough(string output)
    {
        var octal = string.Concat(Encoding.UTF8.GetBytes(output).Select(value => $"\\{Convert.ToString(value, 8).PadLeft(3, '0')}"));

        var transcript = Transcript.Parse(Run(new("hostile", $"printf '{octal}'; printf '{octal}' >&2"), new("next", "echo still here")));

        Assert.Equal([new("hostile", 0, output, output), new("next", 0, "still here\n", "")], transcript.Steps);
    }

    [Fact]
    public void AScriptDoesNotReadItsStepsInput()
    {
        var transcript = Transcript.Parse(Run(new("reader", "cat; echo read"), new("next", "echo $((1 + 1)) '$quoted'")));

        Assert.Equal(["read\n", "2 $quoted\n"], transcript.Steps.Select(step => step.Output));
    }

    /// <summary>A guest that dies leaves the steps before, and never half a step.</summary>
    [Fact]
    public void ATranscriptCutAnywhereHasTheStepsBeforeTheCut()
    {
        var whole = "@@step a 0 2 0\nA\n\n@@step b 1 0 3\nBB\n\n"u8.ToArray();
        var ends = new[] { "@@step a 0 2 0\nA\n\n".Length, whole.Length };

        for (var length = 0; length <= whole.Length; length++)
            Assert.Equal(ends.Count(end => end <= length), Transcript.Parse(whole.AsSpan(0, length)).Steps.Count);
    }

    private static byte[] Run(params GuestStep[] steps)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["script"], GuestScript.Of(steps));
        using var shell = Process.Start(new ProcessStartInfo("sh", [folder["script"]]) { RedirectStandardOutput = true })!;
        var sent = new MemoryStream();
        shell.StandardOutput.BaseStream.CopyTo(sent);
        shell.WaitForExit();
        Assert.Equal(0, shell.ExitCode);
        return sent.ToArray();
    }
}
