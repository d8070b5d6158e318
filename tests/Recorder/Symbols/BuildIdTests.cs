using System.Buffers.Binary;
using System.Globalization;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Faultrec.Traces.Metadata;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

public sealed class BuildIdTests : IDisposable
{
    private const uint NoteSegment = 4;
    private static readonly byte[] Id = [0xde, 0xad, 0xbe, 0xef, 1];

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>libdw says the same of every library that this process has mapped for execution.</summary>
    [Fact]
    public void IdsAreThoseOfLibdw()
    {
        Assert.SkipWhen(Libdw.Reason is not null, Libdw.Reason ?? "");
        var paths = File.ReadLines("/proc/self/maps").Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
            .Where(fields => fields is [_, "r-xp", _, _, not "0", _]).Select(fields => fields[5])
            .Where(path => path.Contains(".so", StringComparison.Ordinal) && File.Exists(path)).Distinct().ToList();
        Assert.NotEmpty(paths);
        foreach (var path in paths)
        {
            using var handle = File.OpenHandle(path);
            using var module = new ModuleSymbols(ElfFile.Open(handle), path);
            using var file = File.OpenRead(path);
            Assert.Equal(module.BuildId, BuildIds.Read(file));
        }
    }

    [Theory]
    [InlineData(true, 4)]
    [InlineData(true, 8)]
    [InlineData(false, 4)]
    public void AnIdIsFoundBehindOtherNotes(bool is64, int alignment)
        => Assert.Equal("deadbeef01", BuildIds.Read(new MemoryStream(Elf(is64, alignment))));

    [Fact]
    public void AFileThatEndsTooEarlyHasNone()
    {
        var whole = Elf(true, 4);
        for (var length = 0; length < whole.Length - 3; length++) // the last three bytes are padding
            Assert.Null(BuildIds.Read(new MemoryStream(whole, 0, length)));
        Assert.NotNull(BuildIds.Read(new MemoryStream(whole)));
    }

    /// <summary>Any byte may be any other: an answer or none, in bounded time and memory.</summary>
    [Fact]
    public void AnythingElseIsNoFailure()
    {
        var random = new Random(17);
        for (var round = 0; round < 20_000; round++)
        {
            var bytes = Elf(random.Next(2) == 0, 4);
            for (var changes = random.Next(1, 5); changes > 0; changes--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            var id = BuildIds.Read(new MemoryStream(bytes));
            Assert.True(id is null || id.Length is >= 2 and <= 128);
        }
    }

    [Fact]
    public void AReplacedFileHasNoIdOfTheOneThatWasMapped()
    {
        var (path, other) = (_folder.File("lib.so"), _folder.File("new.so"));
        File.WriteAllBytes(path, Elf(true, 4));
        File.WriteAllBytes(other, Elf(true, 4));
        using var files = new MappedFiles();
        var regions = new[] { RegionOf(path, "r-xp"), RegionOf(path, "r--p"), RegionOf(other, "rw-p") };

        Assert.Equal(["deadbeef01", "deadbeef01", null], BuildIds.AddTo(regions, files).Select(region => region.BuildId));

        File.Move(other, path, overwrite: true);
        Assert.All(BuildIds.AddTo(regions, files), region => Assert.Null(region.BuildId));
    }

    private static Region RegionOf(string path, string prot)
    {
        var (device, inode) = Libc.TryGetDeviceAndInode(path)!.Value;
        return new Region
        {
            Id = 1,
            Pid = 1,
            Start = 0x1000,
            End = 0x2000,
            Prot = prot,
            Name = path,
            Path = path,
            Inode = inode,
            Device = string.Create(CultureInfo.InvariantCulture, $"{device >> 20:x2}:{device & 0xfffff:x2}"),
        };
    }

    /// <summary>elf(5): a header, one segment of notes, and in it another note before the id.</summary>
    private static byte[] Elf(bool is64, int alignment)
    {
        var (header, segment) = is64 ? (64, 56) : (52, 32);
        byte[] notes = [.. Note(1, [1, 2, 3, 4, 5, 6], alignment), .. Note(3, Id, alignment)];
        var file = new byte[Math.Max(header + segment, 64) + notes.Length];
        var at = file.Length - notes.Length;
        ((byte[])[0x7f, (byte)'E', (byte)'L', (byte)'F', (byte)(is64 ? 2 : 1), 1]).CopyTo(file, 0);
        notes.CopyTo(file, at);
        Put(is64 ? 54 : 42, (ulong)segment, 2);
        Put(is64 ? 56 : 44, 1, 2);
        Put(is64 ? 32 : 28, (ulong)header, is64 ? 8 : 4);
        Put(header, NoteSegment, 4);
        Put(header + (is64 ? 8 : 4), (ulong)at, is64 ? 8 : 4);
        Put(header + (is64 ? 32 : 16), (ulong)notes.Length, is64 ? 8 : 4);
        Put(header + (is64 ? 48 : 28), (ulong)alignment, is64 ? 8 : 4);
        return file;

        void Put(int place, ulong value, int bytes)
        {
            for (var i = 0; i < bytes; i++)
                file[place + i] = (byte)(value >> (8 * i));
        }
    }

    private static byte[] Note(uint type, byte[] value, int alignment)
    {
        var note = new byte[16 + (value.Length + alignment - 1) / alignment * alignment];
        BinaryPrimitives.WriteUInt32LittleEndian(note, 4);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(4), (uint)value.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(note.AsSpan(8), type);
        "GNU\0"u8.CopyTo(note.AsSpan(12));
        value.CopyTo(note, 16);
        return note;
    }
}
