using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Unwinder;

/// <summary>chain.c, built with each set of options once, and the walker.</summary>
public sealed class ChainPrograms : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly List<string> _built = []; // the options of each program, which has their place for its name

    internal UserSpaceWalker Walker { get; } = new();

    internal string Build(string options)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/gcc"), "gcc is not installed"); // clang realigns frames otherwise
        var number = _built.IndexOf(options);
        if (number < 0)
        {
            number = _built.Count;
            var source = Path.Combine(ElfExecutable.Root, "tests/Recorder/Unwinder/chain.c");
            Tool.Run("gcc", [.. options.Split(' '), source, "-o", _folder.File($"chain{number}")]);
            _built.Add(options);
        }

        return _folder.File($"chain{number}");
    }

    public void Dispose()
    {
        Walker.Dispose();
        _folder.Dispose();
    }
}
