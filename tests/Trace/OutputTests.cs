using System.Runtime.Versioning;
using Faultrec.Traces;
using Faultrec.Traces.Output;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Faultrec.Trace.Tests;

/// <summary>How files appear, where the file system can make them without a name and where it cannot.</summary>
[SupportedOSPlatform("linux")]
public sealed class OutputTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode All = Private | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("faultrec-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFileIsWholeOrNotThere(bool needsName)
    {
        using var place = Place("out", needsName);
        using (var abandoned = place.CreateFile(endsWithSignals: false))
        {
            abandoned.Stream.WriteByte(1);
            // Until then nobody else may open it, under whatever name.
            Assert.All(Names(), name => Assert.Equal(Private, File.GetUnixFileMode(At(name))));
            Assert.Equal(needsName ? 1 : 0, Names().Length);
        }

        Assert.Empty(Names());

        using var file = place.CreateFile(endsWithSignals: false);
        file.Stream.Write("whole"u8);
        Assert.False(File.Exists(At("out")));
        place.Publish(file, ExistingOutput.Overwrite, isDurable: true);
        Assert.Equal("whole", File.ReadAllText(At("out")));
        Assert.Equal(["out"], Names());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnExistingFileIsReplacedKeptOrLeft(bool needsName)
    {
        File.WriteAllText(At("out"), "first");
        Write("out", "second", ExistingOutput.KeepAsOld, needsName);
        Assert.Equal(("second", "first"), (File.ReadAllText(At("out")), File.ReadAllText(At("out.old"))));
        Write("out", "third", ExistingOutput.Overwrite, needsName);
        Assert.Equal(("third", "first"), (File.ReadAllText(At("out")), File.ReadAllText(At("out.old"))));
        Assert.Throws<IOException>(() => Write("out", "fourth", ExistingOutput.Refuse, needsName));
        Assert.Equal("third", File.ReadAllText(At("out")));
        Assert.Equal(["out", "out.old"], Names());
    }

    /// <summary>Another name of somebody's file: that file is what it was.</summary>
    [Theory]
    [InlineData(ExistingOutput.Overwrite)]
    [InlineData(ExistingOutput.KeepAsOld)]
    public void NothingIsWrittenThroughAHardLink(ExistingOutput existing)
    {
        File.WriteAllText(At("victim"), "precious");
        File.SetUnixFileMode(At("victim"), UnixFileMode.UserRead);
        HardLink("out");
        HardLink("out.old");
        Write("out", "new", existing);
        Assert.Equal(("precious", UnixFileMode.UserRead), (File.ReadAllText(At("victim")), File.GetUnixFileMode(At("victim"))));
        Assert.Equal("new", File.ReadAllText(At("out")));

        void HardLink(string name)
        {
            using var ln = System.Diagnostics.Process.Start("ln", [At("victim"), At(name)]);
            ln.WaitForExit();
            Assert.Equal(0, ln.ExitCode);
        }
    }

    [Theory]
    [InlineData("out")]
    [InlineData("out.old")]
    public void ALinkIsRefusedByName(string name)
    {
        File.WriteAllText(At("out"), "first");
        File.Delete(At(name));
        File.WriteAllText(At("victim"), "precious");
        File.CreateSymbolicLink(At(name), "victim");
        var refusal = Assert.Throws<FaultrecException>(() => Write("out", "new", name == "out" ? ExistingOutput.Overwrite : ExistingOutput.KeepAsOld));
        Assert.Equal(ExitCode.Usage, refusal.ExitCode);
        Assert.Equal($"{At(name)}: is a symbolic link; expected a regular file or a new name; name another output with -o", refusal.Message);
        Assert.Equal("precious", File.ReadAllText(At("victim")));
        Assert.Equal("victim", new FileInfo(At(name)).LinkTarget);
    }

    [Fact]
    public void ACopyIsForNobodyWhoCannotReadTheOriginal()
    {
        Assert.Equal(All, ModeOf(source: null, isPrivate: false));
        Assert.Equal(All, ModeOf(All, isPrivate: false));
        Assert.Equal(Private, ModeOf(All, isPrivate: true));
        Assert.Equal(Private, ModeOf(Private, isPrivate: false));
        Assert.Equal(Private | UnixFileMode.GroupRead, ModeOf(Private | UnixFileMode.GroupRead, isPrivate: false));

        UnixFileMode ModeOf(UnixFileMode? source, bool isPrivate)
        {
            File.WriteAllText(At("source"), "");
            if (source is { } mode)
                File.SetUnixFileMode(At("source"), mode);
            using var place = Place("out", needsName: false);
            using var file = place.CreateFile(endsWithSignals: false);
            if (source is not null)
                file.KeepAsPrivateAs(FoundFile.Read(At("source"))!.Value);
            if (isPrivate)
                file.KeepPrivate();
            place.Publish(file, ExistingOutput.Overwrite, isDurable: false);
            // Whatever the umask takes away is taken from what would be there without it.
            File.WriteAllText(At("plain"), "");
            return File.GetUnixFileMode(At("out")) | (All & ~File.GetUnixFileMode(At("plain")) & (source ?? All));
        }
    }

    /// <summary>Names up to the file system's limit, where a longer one for the time of writing would not fit.</summary>
    [Fact]
    public void ALongNameFits()
    {
        var name = new string('n', 255);
        Write(name, "new", ExistingOutput.Overwrite, needsName: true);
        Assert.Equal([name], Names());
    }

    [Fact]
    public void FoldersAreNoFiles()
    {
        Assert.Contains("is a directory", Assert.Throws<FaultrecException>(() => OutputPlace.Open(At("") + "/", null)).Message);
        Assert.Contains("is a directory", Assert.Throws<FaultrecException>(() => OutputPlace.Open("..", null)).Message);
        Assert.Throws<DirectoryNotFoundException>(() => OutputPlace.Open(At("missing/out"), null));
        File.WriteAllText(At("file"), "");
        Assert.Throws<DirectoryNotFoundException>(() => OutputPlace.Open(At("file/out"), null));
    }

    [Fact]
    public void ARenamedFolderIsFollowed()
    {
        Directory.CreateDirectory(At("before"));
        using var place = OutputPlace.Open(At("before/out"), null);
        Assert.Equal(At("before/out"), place.Path);
        Directory.Move(At("before"), At("after"));
        using var file = place.CreateFile(endsWithSignals: false);
        place.Publish(file, ExistingOutput.Refuse, isDurable: false);
        Assert.Equal(At("after/out"), place.Path);
        Assert.True(File.Exists(At("after/out")));
        Assert.False(place.Folder.IsGone);
        Directory.Delete(At("after"), recursive: true);
        Assert.True(place.Folder.IsGone);
    }

    /// <summary>What other systems do with the file's path is the same.</summary>
    [Fact]
    public void APortableFolderDoesTheSame()
    {
        using var place = new OutputPlace(At("out"), new PortableFolder(_folder.FullName), "out", null);
        using var file = place.CreateFile(endsWithSignals: false);
        file.Stream.Write("whole"u8);
        Assert.Equal(Private, File.GetUnixFileMode(At(Assert.Single(Names()))));
        File.WriteAllText(At("out"), "first");
        place.Publish(file, ExistingOutput.KeepAsOld, isDurable: true);
        Assert.Equal(("whole", "first"), (File.ReadAllText(At("out")), File.ReadAllText(At("out.old"))));
        Assert.Equal(["out", "out.old"], Names());
        File.CreateSymbolicLink(At("link"), "out");
        Assert.Equal(FileKind.Link, place.Folder.Find("link")!.Value.Kind);
        Assert.True(place.Folder.IsSame("out", At("link")));
        Assert.Throws<IOException>(() => place.Folder.Create("out").Dispose());
    }

    private void Write(string name, string content, ExistingOutput existing, bool needsName = false)
    {
        using var place = Place(name, needsName);
        using var file = place.CreateFile(endsWithSignals: false);
        file.Stream.Write(System.Text.Encoding.UTF8.GetBytes(content));
        place.Publish(file, existing, isDurable: false);
    }

    private OutputPlace Place(string name, bool needsName)
    {
        var folder = OutputFolder.Open(_folder.FullName);
        return new OutputPlace(At(name), needsName ? new WithoutUnnamed(folder) : folder, name, null);
    }

    private string At(string name) => Path.Combine(_folder.FullName, name);

    private string[] Names() => [.. _folder.EnumerateFileSystemInfos().Select(entry => entry.Name).Order(StringComparer.Ordinal)];

    /// <summary>A file system without O_TMPFILE, such as NFS or FAT.</summary>
    private sealed class WithoutUnnamed(OutputFolder folder) : OutputFolder
    {
        public override bool IsGone => folder.IsGone;

        public override string Path => folder.Path;

        public override FoundFile? Find(string name) => folder.Find(name);

        public override bool IsSame(string name, string path) => folder.IsSame(name, path);

        public override SafeFileHandle Create(string name) => folder.Create(name);

        public override SafeFileHandle? CreateUnnamed() => null;

        public override void Link(SafeFileHandle file, string name) => folder.Link(file, name);

        public override void Rename(string from, string to, bool replaces) => folder.Rename(from, to, replaces);

        public override void Remove(string name) => folder.Remove(name);

        public override void SetMode(SafeFileHandle file, UnixFileMode mode) => folder.SetMode(file, mode);

        public override void SetOwner(SafeFileHandle file, FileOwner owner) => folder.SetOwner(file, owner);

        public override void Sync() => folder.Sync();

        public override void Dispose() => folder.Dispose();
    }
}
