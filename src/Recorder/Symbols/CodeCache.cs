using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Faultrec.Recorder.Native;
using Faultrec.Traces.Files;
using Faultrec.Traces.Output;

namespace Faultrec.Recorder.Symbols;

internal enum CachedKind : byte
{
    /// <summary>The table that the probes unwind with.</summary>
    Unwind,

    /// <summary>Names of addresses.</summary>
    Names,
}

/// <summary>Under what an answer is kept.</summary>
/// <param name="Path">As the program sees it.</param>
/// <param name="Bytes">All on which the answer depends: these, the version of the file, and that of the executable.</param>
internal sealed record CacheKey(CachedKind Kind, ulong Device, ulong Inode, string Path, byte[] Bytes);

/// <summary>
/// Answers of libdw that are kept from one recording to the next, one file for each ELF file and kind. The folder belongs to the user who runs
/// the recorder, and no other user can read or write it. Damaged entries are as good as none, and so are failures to write.
/// </summary>
internal sealed class CodeCache : IDisposable
{
    private const int Version = 1;
    private const string FolderName = "faultrec";
    private const string RootParent = "/var/cache";
    private const long MaxBytes = 256 << 20;
    private const int MaxEntryBytes = 64 << 20;
    private const int HeadBytes = 8; // the checksum of the rest, the length of the key
    private const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly LinuxFolder _folder;
    private readonly byte[] _executable = ExecutableVersion();
    private readonly long _maxBytes;
    private bool _hasWritten;

    private CodeCache(LinuxFolder folder, long maxBytes) => (_folder, _maxBytes) = (folder, maxBytes);

    /// <summary>Root's, by sudo too, is below /var/cache; another user's where the XDG Base Directory Specification says. Null: none can be made.</summary>
    /// <param name="onNotice">Gets the reason, where the user should know.</param>
    public static CodeCache? TryOpen(Action<string>? onNotice)
    {
        if (ParentFolder() is not { } parent)
            return null;
        var cache = TryOpen(parent, out var reason);
        if (reason is not null)
            onNotice?.Invoke(reason);
        return cache;
    }

    /// <param name="parent">Of the cache's folder, which is made if there is none.</param>
    /// <param name="maxBytes">Of all entries together.</param>
    /// <param name="reason">Why there is none, where the user should know.</param>
    public static CodeCache? TryOpen(string parent, out string? reason, long maxBytes = MaxBytes)
    {
        reason = null;
        try
        {
            using var outer = LinuxFolder.Open(parent);
            outer.TryMakeFolder(FolderName, Owner);
            if (outer.Find(FolderName) is not { } found)
                return null;
            reason = found.Kind != FileKind.Folder ? $"is {found.Description}"
                : found.Owner != Libc.Geteuid() ? string.Create(CultureInfo.InvariantCulture, $"belongs to user {found.Owner}")
                : (found.Mode & ~Owner) != 0 ? "is open to other users"
                : null;
            // What is opened is what was looked at, or nothing.
            if (reason is null && outer.TryOpenFolder(FolderName) is { } folder)
            {
                if (folder.Identity == found.Identity)
                    return new CodeCache(folder, maxBytes);
                folder.Dispose();
            }
        }
        catch (IOException)
        {
            // A read-only file system, no such folder.
        }

        if (reason is not null)
            reason = $"{Path.Combine(parent, FolderName)}: {reason}, so no names are kept for the next recording; remove it, or give --no-cache";
        return null;
    }

    /// <summary>Under what an answer is kept; null: answers about this file are not.</summary>
    /// <param name="path">As the program sees it.</param>
    public CacheKey? KeyOf(RegularFile file, string path, CachedKind kind)
    {
        if (path != ElfWorker.Vdso && !SystemFiles.Contains(file, path))
            return null;
        var key = new MemoryStream();
        var writer = new BinaryWriter(key);
        writer.Write(Version);
        writer.Write((byte)kind);
        writer.Write(_executable);
        writer.Write(path);
        if (path == ElfWorker.Vdso)
            writer.Write(ContentsOf(file)); // two pages
        else
            Write(writer, file.Version);
        return new CacheKey(kind, file.Device, file.Inode, path, key.ToArray());
    }

    /// <returns>Null: there is none.</returns>
    public byte[]? Read(CacheKey key)
    {
        try
        {
            using var file = _folder.OpenHere(NameOf(key), LinuxFolder.ToRead);
            if (file is null || FoundFile.Read(file) is not { Kind: FileKind.Regular, Bytes: > HeadBytes and <= MaxEntryBytes } found)
                return null;
            var bytes = new byte[found.Bytes];
            for (int at = 0, read; at < bytes.Length; at += read)
            {
                read = RandomAccess.Read(file, bytes.AsSpan(at), at);
                if (read == 0)
                    return null;
            }

            var keyBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(4));
            if (Crc32C.Append(0, bytes.AsSpan(4)) != BinaryPrimitives.ReadUInt32LittleEndian(bytes)
                || keyBytes != key.Bytes.Length || HeadBytes + keyBytes > bytes.Length || !bytes.AsSpan(HeadBytes, keyBytes).SequenceEqual(key.Bytes))
            {
                return null;
            }

            // The least recently used ones go first.
            File.SetLastWriteTimeUtc(file, DateTime.UtcNow);
            return bytes[(HeadBytes + keyBytes)..];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    public void Write(CacheKey key, byte[] answer)
    {
        var keyBytes = key.Bytes.Length;
        if (HeadBytes + keyBytes + answer.Length > Math.Min(MaxEntryBytes, _maxBytes))
            return;
        var bytes = new byte[HeadBytes + keyBytes + answer.Length];
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), keyBytes);
        key.Bytes.CopyTo(bytes, HeadBytes);
        answer.CopyTo(bytes, HeadBytes + keyBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Crc32C.Append(0, bytes.AsSpan(4)));
        try
        {
            using var file = NewFile.Create(_folder, endsWithSignals: false);
            file.Stream.Write(bytes);
            file.MoveTo(NameOf(key), replaces: true);
            _hasWritten = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The disk may be full: the next recording asks libdw again.
        }
    }

    public void Dispose()
    {
        try
        {
            if (_hasWritten)
                Evict();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The next recording tries again.
        }

        _folder.Dispose();
    }

    public static void Write(BinaryWriter writer, FileVersion version)
    {
        writer.Write(version.Device);
        writer.Write(version.Inode);
        writer.Write(version.Bytes);
        writer.Write(version.ModifiedNs);
        writer.Write(version.ChangedNs);
    }

    public static FileVersion ReadVersion(BinaryReader reader)
        => new(reader.ReadUInt64(), reader.ReadUInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());

    // Two keys with one name share one entry, which has the key of the last: of another version of a file, as a rule.
    private static string NameOf(CacheKey key)
        => string.Create(CultureInfo.InvariantCulture, $"{key.Kind}-{key.Device:x}-{key.Inode:x}-{Crc32C.Append(0, Encoding.UTF8.GetBytes(key.Path)):x8}");

    private static string? ParentFolder()
    {
        if (Libc.Geteuid() == 0)
            return RootParent;
        var parent = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is ['/', ..] and var named ? named
            : Environment.GetEnvironmentVariable("HOME") is ['/', ..] and var home ? Path.Combine(home, ".cache")
            : null;
        try
        {
            if (parent is not null && !OperatingSystem.IsWindows())
                Directory.CreateDirectory(parent, Owner);
            return parent;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    // An update may answer differently.
    private static byte[] ExecutableVersion()
    {
        var key = new MemoryStream();
        var writer = new BinaryWriter(key, Encoding.UTF8);
        foreach (var part in ServiceProcess.Command)
        {
            if (FileVersion.Of(part) is { } version)
                Write(writer, version);
        }

        return key.ToArray();
    }

    private static byte[] ContentsOf(RegularFile file)
    {
        var bytes = new byte[RandomAccess.GetLength(file.File)];
        return bytes[..RandomAccess.Read(file.File, bytes, 0)];
    }

    private void Evict()
    {
        var entries = _folder.Files().ToList();
        var bytes = entries.Sum(entry => entry.Length);
        if (bytes <= _maxBytes)
            return;
        foreach (var entry in entries.OrderBy(entry => entry.LastWriteTimeUtc))
        {
            if (bytes <= _maxBytes / 4 * 3)
                break;
            _folder.Remove(entry.Name);
            bytes -= entry.Length;
        }
    }
}
