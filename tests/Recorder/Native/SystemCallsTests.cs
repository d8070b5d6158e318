using System.Text.RegularExpressions;
using Faultrec.Recorder.Native;
using Xunit;

namespace Faultrec.Recorder.Tests.Native;

/// <summary>The table of system calls against the kernel's own header.</summary>
public sealed partial class SystemCallsTests
{
    [Fact]
    public void NumbersAndNamesAreThoseOfTheHeader()
    {
        var header = Header();

        Assert.True(header.Count > 300);
        Assert.All(header.Where(call => SystemCalls.Name(call.Number) is not null), call => Assert.Equal(call.Name, SystemCalls.Name(call.Number)));
        Assert.All(header.Where(call => SystemCalls.Name(call.Number) is not null), call => Assert.Equal(call.Number, SystemCalls.Number(call.Name)));
    }

    [Fact]
    public void NoOtherSourceHasANumber()
    {
        var calls = Header().ToDictionary(call => call.Name, call => call.Number);
        var numbers = Sources().SelectMany(path => File.ReadLines(path).SelectMany(line => Constant().Matches(line))
            .Select(constant => (File: Path.GetFileName(path), Name: Snake(constant.Groups["name"].Value),
                Number: long.Parse(constant.Groups["number"].Value))));

        // What is read and written has such names and small numbers everywhere.
        Assert.Equal([], numbers.Where(constant => constant.Number > 2 && calls.TryGetValue(constant.Name, out var number) && number == constant.Number));
        Assert.Equal("close_range", Snake(Constant().Match("    private const long SysCloseRange = 436;").Groups["name"].Value));
    }

    private static List<(string Name, int Number)> Header()
        => [.. File.ReadLines("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").Select(line => Definition().Match(line)).Where(match => match.Success)
            .Select(match => (match.Groups["name"].Value, int.Parse(match.Groups["number"].Value)))];

    private static IEnumerable<string> Sources()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root!.FullName, "Toolkit.sln")))
            root = root.Parent;
        return Directory.EnumerateFiles(Path.Combine(root.FullName, "src"), "*.cs", SearchOption.AllDirectories)
            .Where(path => !path.Contains("/obj/", StringComparison.Ordinal));
    }

    private static string Snake(string name) => Capital().Replace(name, "_$0").TrimStart('_').ToLowerInvariant();

    [GeneratedRegex(@"^#define __NR_(?<name>\w+) (?<number>\d+)$")]
    private static partial Regex Definition();

    [GeneratedRegex(@"\b(Sys(?=[A-Z]))?(?<name>[A-Z]\w*) = (?<number>\d+)\b")]
    private static partial Regex Constant();

    [GeneratedRegex("[A-Z]")]
    private static partial Regex Capital();
}
