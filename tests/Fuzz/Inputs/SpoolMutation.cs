using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Files;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Spools altered record by record, with the records' checksums made right again.</summary>
internal static class SpoolMutation
{
    public static byte[] Mutate(byte[] original, Dice dice)
    {
        if (dice.OneIn(12))
            return Bytes.Mutate(original, dice);
        var records = Split(original);
        for (var left = dice.Few(); left > 0; left--)
            Change(records, dice);
        return Join(records);
    }

    private static void Change(List<(SpoolRecordHeader Header, byte[] Payload)> records, Dice dice)
    {
        var at = dice.Below(records.Count);
        var (header, payload) = records[at];
        switch (dice.Below(8))
        {
            case 0 when records.Count > 2: records.RemoveAt(at); break;
            case 1: records.Insert(at, dice.Of(records)); break;
            case 2:
                header.Type = (SpoolRecordType)dice.Below(12);
                records[at] = (header, payload);
                break;
            case 3:
                header.Cpu = (ushort)dice.Extreme();
                records[at] = (header, payload);
                break;
            default:
                var isJson = header.Type is SpoolRecordType.Header or SpoolRecordType.Maps or SpoolRecordType.End;
                var mutated = isJson
                    ? Encoding.UTF8.GetBytes(JsonMutation.Mutate(Encoding.UTF8.GetString(payload), dice))
                    : Same(payload, Bytes.Mutate(payload, dice), dice);
                records[at] = (header, mutated);
                break;
        }
    }

    // Records have sizes: most changes keep them.
    private static byte[] Same(byte[] before, byte[] after, Dice dice)
    {
        if (!dice.OneIn(10))
            Array.Resize(ref after, before.Length);
        return after;
    }

    // SAFETY: sizeof, no pointer.
    private static unsafe List<(SpoolRecordHeader, byte[])> Split(ReadOnlySpan<byte> spool)
    {
        var records = new List<(SpoolRecordHeader, byte[])>();
        while (spool.Length >= sizeof(SpoolRecordHeader))
        {
            var header = MemoryMarshal.Read<SpoolRecordHeader>(spool);
            records.Add((header, spool.Slice(sizeof(SpoolRecordHeader), header.Length).ToArray()));
            spool = spool[(sizeof(SpoolRecordHeader) + header.Length)..];
        }

        return records;
    }

    private static byte[] Join(List<(SpoolRecordHeader Header, byte[] Payload)> records)
    {
        using var spool = new MemoryStream();
        foreach (var (old, payload) in records)
        {
            var header = old;
            header.Length = payload.Length;
            header.Checksum = Crc32C.Append(header.CrcOfHead, payload);
            spool.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<SpoolRecordHeader>(in header)));
            spool.Write(payload);
        }

        return spool.ToArray();
    }
}
