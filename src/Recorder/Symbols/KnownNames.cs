using System.Runtime.InteropServices;
using Faultrec.Recorder.Native;

namespace Faultrec.Recorder.Symbols;

/// <summary>What libdw has answered about one system file: its build id, its segments, the names of the addresses that were asked for.</summary>
/// <param name="key">Of the cache.</param>
internal sealed class KnownNames(CacheKey key)
{
    // By ascending start; they do not overlap.
    private readonly List<NamedCode> _code = [];

    public CacheKey Key => key;

    public string? BuildId { get; set; }

    public Libdw.ProgramHeader[] Segments { get; set; } = [];

    /// <summary>The debug files that libdw asked for in order to answer, and what it got: another one gives other names.</summary>
    public IReadOnlyList<(DebugFileName Name, FileVersion? Found)> DebugFiles { get; set; } = [];

    /// <summary>It has answers that the cache does not have.</summary>
    public bool HasNews { get; private set; }

    public IReadOnlyList<CodeName>? Find(ulong address)
        => CountUntil(address) is > 0 and var count && _code[count - 1] is var code && address < code.End ? code.Names : null;

    public void Add(NamedCode code)
    {
        _code.Insert(CountUntil(code.Start), code);
        HasNews = true;
    }

    public byte[] ToBytes()
    {
        var bytes = new MemoryStream();
        var writer = new BinaryWriter(bytes);
        writer.Write(BuildId ?? "");
        ElfWire.WriteAll(writer, Segments);
        writer.Write(DebugFiles.Count);
        foreach (var (name, found) in DebugFiles)
        {
            ElfWire.Write(writer, name);
            writer.Write(found is not null);
            if (found is { } version)
                CodeCache.Write(writer, version);
        }

        writer.Write(_code.Count);
        foreach (var code in _code)
            ElfWire.Write(writer, code);
        return bytes.ToArray();
    }

    /// <returns>Null: these are not the bytes of such answers.</returns>
    public static KnownNames? Read(CacheKey key, byte[] bytes)
    {
        try
        {
            var reader = new BinaryReader(new MemoryStream(bytes));
            var buildId = reader.ReadString();
            var known = new KnownNames(key) { BuildId = buildId.Length == 0 ? null : buildId, Segments = ElfWire.ReadAll<Libdw.ProgramHeader>(reader) };
            var debugFiles = new List<(DebugFileName, FileVersion?)>();
            for (var count = reader.ReadInt32(); count > 0; count--)
                debugFiles.Add((ElfWire.ReadDebugFileName(reader), reader.ReadBoolean() ? CodeCache.ReadVersion(reader) : null));
            known.DebugFiles = debugFiles;
            for (var count = reader.ReadInt32(); count > 0; count--)
                known._code.Add(ElfWire.ReadNames(reader));
            return known;
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException or ArgumentException)
        {
            return null;
        }
    }

    /// <returns>How many of them begin at or before the address.</returns>
    private int CountUntil(ulong address) => Sorted.CountUntil(CollectionsMarshal.AsSpan(_code), address, code => code.Start);
}
