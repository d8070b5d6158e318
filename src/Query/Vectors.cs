using System.Runtime.InteropServices;
using DuckDB.NET.Native;
using Faultrec.Traces.Columns;

namespace Faultrec.Query;

/// <summary>The columns of a chunk that DuckDB hands to a function; valid during that call.</summary>
// SAFETY: it is made for one call of a function and used in that: so long DuckDB keeps the vectors, which are flat, of the registered types
// and Count long. Every index is below Count.
internal readonly unsafe struct Vectors(nint chunk)
{
    private readonly DuckDBDataChunk _chunk = new(chunk);

    public int Count => (int)NativeMethods.DataChunks.DuckDBDataChunkGetSize(_chunk);

    /// <param name="into">At least <see cref="Count"/> long.</param>
    public void Copy<T>(int column, T[] into, T nullValue)
        where T : unmanaged
    {
        var vector = NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column);
        var count = Count;
        // SAFETY: DuckDB hands functions flat vectors of the registered type, as long as the chunk.
        new ReadOnlySpan<T>(NativeMethods.Vectors.DuckDBVectorGetData(vector), count).CopyTo(into);
        var validity = NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
        for (var i = 0; validity != null && i < count; i++)
        {
            if (!IsValid(validity, i))
                into[i] = nullValue;
        }
    }

    public void CopyAccess(int column, FaultAccess[] into)
    {
        var texts = Texts(column, out var validity);
        for (var i = 0; i < Count; i++)
        {
            into[i] = !IsValid(validity, i) || texts[i].Length == 0 ? FaultAccess.Unknown : (char)*texts[i].Data switch
            {
                'r' => FaultAccess.Read,
                'w' => FaultAccess.Write,
                'e' => FaultAccess.Exec,
                _ => FaultAccess.Unknown,
            };
        }
    }

    /// <summary>A number for every text; equal neighbours, which are common, are looked up once.</summary>
    /// <param name="into">At least <see cref="Count"/> long.</param>
    public void CopyIndices(int column, IReadOnlyDictionary<string, int> known, Span<int> into)
    {
        var texts = Texts(column, out _);
        for (var i = 0; i < Count; i++)
        {
            into[i] = i > 0 && Bytes(texts + i).SequenceEqual(Bytes(texts + i - 1))
                ? into[i - 1]
                : known[Marshal.PtrToStringUTF8((nint)texts[i].Data, texts[i].Length)];
        }
    }

    private static ReadOnlySpan<sbyte> Bytes(DuckDBString* text) => new(text->Data, text->Length);

    private static bool IsValid(ulong* validity, int row) => validity == null || (validity[row >> 6] >> (row & 63) & 1) != 0;

    private DuckDBString* Texts(int column, out ulong* validity)
    {
        var vector = NativeMethods.DataChunks.DuckDBDataChunkGetVector(_chunk, column);
        validity = NativeMethods.Vectors.DuckDBVectorGetValidity(vector);
        return (DuckDBString*)NativeMethods.Vectors.DuckDBVectorGetData(vector);
    }
}
