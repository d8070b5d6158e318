using System.Globalization;
using System.Runtime.Versioning;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>Which answers are kept, and when one is found again.</summary>
[SupportedOSPlatform("linux")]
public sealed class CodeCacheTests : IDisposable
{
    private const string Library = "/usr/lib/x86_64-linux-gnu/libc.so.6";
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private static readonly byte[] Answer = [1, 2, 3, 4, 5];

    private readonly TempFolder _folder = new();

    private string CacheFolder => _folder.File("faultrec");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void AnAnswerIsFoundByTheNextRecordingAndByNoOtherKey()
    {
        using (var cache = Open())
            cache.Write(KeyOf(cache, CachedKind.Names), Answer);
        using var next = Open();
        Assert.Equal(Answer, next.Read(KeyOf(next, CachedKind.Names)));
        Assert.Null(next.Read(KeyOf(next, CachedKind.Unwind)));
        Assert.Equal(Private, File.GetUnixFileMode(CacheFolder));
        Assert.All(Directory.GetFiles(CacheFolder), entry => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(entry)));
    }

    [Fact]
    public void AnotherVersionOfTheFileIsAnotherKey()
    {
        using var cache = Open();
        using var file = OpenFile(Library);
        var key = cache.KeyOf(file, Library, CachedKind.Names)!;
        cache.Write(key, Answer);
        foreach (var version in (FileVersion[])[
            file.Version with { Bytes = 1 }, file.Version with { ModifiedNs = 1 }, file.Version with { ChangedNs = 1 }, file.Version with { Inode = 1 }])
        {
            using var changed = file with { Version = version };
            // The path does not lead to such a file.
            Assert.Null(cache.KeyOf(changed, Library, CachedKind.Names));
        }

        Assert.Null(cache.Read(key with { Bytes = [.. key.Bytes[..^1], (byte)~key.Bytes[^1]] }));
        Assert.Equal(Answer, cache.Read(key));
    }

    /// <summary>Cut off anywhere, any byte changed: as good as none, and made anew.</summary>
    [Fact]
    public void ADamagedEntryIsNone()
    {
        using var cache = Open();
        var key = KeyOf(cache, CachedKind.Names);
        cache.Write(key, Answer);
        var entry = Assert.Single(Directory.GetFiles(CacheFolder));
        var whole = File.ReadAllBytes(entry);
        for (var i = 0; i < whole.Length; i++)
        {
            File.WriteAllBytes(entry, whole[..i]);
            Assert.Null(cache.Read(key));
            var changed = whole.ToArray();
            changed[i] ^= 0x40;
            File.WriteAllBytes(entry, changed);
            Assert.Null(cache.Read(key));
        }

        cache.Write(key, Answer);
        Assert.Equal(Answer, cache.Read(key));
    }

    [Fact]
    public void AFolderThatOthersCanReachIsNotUsed()
    {
        Directory.CreateDirectory(CacheFolder, Private | UnixFileMode.GroupRead | UnixFileMode.GroupWrite);
        Assert.Null(CodeCache.TryOpen(_folder.File(""), out var reason));
        Assert.Contains("is open to other users", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void AFolderOfAnotherUserIsNotUsed()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give a folder away");
        Directory.CreateDirectory(CacheFolder, Private);
        Tool.Run("chown", "65534", CacheFolder);
        Assert.Null(CodeCache.TryOpen(_folder.File(""), out var reason));
        Assert.Contains("belongs to user 65534", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void ALinkIsNoFolder()
    {
        var elsewhere = _folder.File("elsewhere");
        Directory.CreateDirectory(elsewhere, Private);
        Directory.CreateSymbolicLink(CacheFolder, elsewhere);
        Assert.Null(CodeCache.TryOpen(_folder.File(""), out var reason));
        Assert.Contains("is a symbolic link", reason, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(elsewhere));
    }

    [Fact]
    public void WithoutAPlaceThereIsNoCacheAndNothingIsSaid()
    {
        Assert.Null(CodeCache.TryOpen(_folder.File("missing"), out var reason));
        Assert.Null(reason);
    }

    [Fact]
    public void TheLeastRecentlyUsedAnswersGoFirst()
    {
        const int entries = 20, bytesEach = 1000, maxBytes = 8 * bytesEach;
        using (var cache = CodeCache.TryOpen(_folder.File(""), out _, maxBytes)!)
        {
            var key = KeyOf(cache, CachedKind.Names);
            for (var i = 0; i < entries; i++)
            {
                var before = Directory.GetFiles(CacheFolder);
                cache.Write(Numbered(key, i), new byte[bytesEach]);
                File.SetLastWriteTimeUtc(Assert.Single(Directory.GetFiles(CacheFolder).Except(before)), DateTime.UtcNow.AddHours(i - entries));
            }

            Assert.NotNull(cache.Read(Numbered(key, 0))); // used just now
        }

        Assert.InRange(new DirectoryInfo(CacheFolder).GetFiles().Sum(entry => entry.Length), bytesEach, maxBytes);
        using var next = Open();
        var kept = Enumerable.Range(0, entries).Where(i => next.Read(Numbered(KeyOf(next, CachedKind.Names), i)) is not null).ToList();
        Assert.InRange(kept.Count, 3, maxBytes / bytesEach);
        Assert.Equal([0, .. Enumerable.Range(entries - kept.Count + 1, kept.Count - 1)], kept);
    }

    [Theory]
    [InlineData("chmod", "g+w")]
    [InlineData("chmod", "o+w")]
    [InlineData("chown", "65534")]
    public void AFileThatOthersCanChangeIsNotKept(string command, string argument)
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "only root can give a file away");
        var path = _folder.File("program");
        File.Copy(Library, path);
        File.SetUnixFileMode(path, Private);
        using var cache = Open();
        Thread.Sleep(2100); // see SystemFiles
        AssertKept(true);
        Tool.Run(command, argument, path);
        Thread.Sleep(2100);
        AssertKept(false);

        void AssertKept(bool isKept)
        {
            using var file = OpenFile(path);
            Assert.SkipUnless(FileSystems.IsTrusted(file.File), "temporary files are on no trusted file system here");
            Assert.Equal(isKept, cache.KeyOf(file, path, CachedKind.Names) is not null);
        }
    }

    [Fact]
    public void AFileThatWasChangedAMomentAgoIsNotKept()
    {
        var path = _folder.File("program");
        File.Copy(Library, path);
        File.SetUnixFileMode(path, Private);
        using var cache = Open();
        using var file = OpenFile(path);
        Assert.Null(cache.KeyOf(file, path, CachedKind.Names));
    }

    /// <summary>As for a file of a container, which has another file under that path here, or none.</summary>
    [Fact]
    public void AFileThatThePathDoesNotLeadToIsNotKept()
    {
        using var cache = Open();
        using var file = OpenFile(Library);
        Assert.NotNull(cache.KeyOf(file, Library, CachedKind.Names));
        Assert.Null(cache.KeyOf(file, "/usr/bin/env", CachedKind.Names));
        Assert.Null(cache.KeyOf(file, "/nonexistent", CachedKind.Names));
    }

    [Fact]
    public void TheVdsoIsKeptByItsContents()
    {
        using var cache = Open();
        using var vdso = ElfInput.OpenVdso();
        var key = cache.KeyOf(vdso, ElfWorker.Vdso, CachedKind.Unwind)!;
        cache.Write(key, Answer);
        Assert.Equal(Answer, cache.Read(key));
        Assert.InRange(key.Bytes.Length, 4096, 65536);
    }

    private static CacheKey Numbered(CacheKey key, int number) => key with { Path = number.ToString(CultureInfo.InvariantCulture) };

    private static RegularFile OpenFile(string path) => RegularFile.TryOpen(path, out _)!;

    private static CacheKey KeyOf(CodeCache cache, CachedKind kind)
    {
        using var file = OpenFile(Library);
        return cache.KeyOf(file, Library, kind)!;
    }

    private CodeCache Open() => CodeCache.TryOpen(_folder.File(""), out _)!;
}
