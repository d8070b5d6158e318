using System.Runtime.InteropServices;
using System.Text;
using Faultrec.Recorder.Spool;
using Faultrec.Traces.Files;

namespace Faultrec.Fuzz.Inputs;

/// <summary>Spools altered frame by frame, with the frames' checksums made right again.</summary>
internal static class SpoolMutation
{
    public static byte[] Mutate(byte[] original, Dice dice)
    {
        if (dice.OneIn(12))
            return Bytes.Mutate(original, dice);
        var frames = Split(original);
        for (int left = dice.Few(); left > 0; left--)
            Change(frames, dice);
        return Join(frames);
    }

    private static void Change(List<(FrameHeader Header, byte[] Payload)> frames, Dice dice)
    {
        int at = dice.Below(frames.Count);
        var (header, payload) = frames[at];
        switch (dice.Below(8))
        {
            case 0 when frames.Count > 2: frames.RemoveAt(at); break;
            case 1: frames.Insert(at, dice.Of(frames)); break;
            case 2:
                header.Type = (FrameType)dice.Below(12);
                frames[at] = (header, payload);
                break;
            case 3:
                header.Cpu = (ushort)dice.Extreme();
                frames[at] = (header, payload);
                break;
            default:
                bool isJson = header.Type is FrameType.Header or FrameType.Maps or FrameType.End;
                frames[at] = (header, isJson ? Encoding.UTF8.GetBytes(JsonMutation.Mutate(Encoding.UTF8.GetString(payload), dice)) : Same(payload, Bytes.Mutate(payload, dice), dice));
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

    private static unsafe List<(FrameHeader, byte[])> Split(ReadOnlySpan<byte> spool)
    {
        var frames = new List<(FrameHeader, byte[])>();
        while (spool.Length >= sizeof(FrameHeader))
        {
            var header = MemoryMarshal.Read<FrameHeader>(spool);
            frames.Add((header, spool.Slice(sizeof(FrameHeader), header.Length).ToArray()));
            spool = spool[(sizeof(FrameHeader) + header.Length)..];
        }
        return frames;
    }

    private static byte[] Join(List<(FrameHeader Header, byte[] Payload)> frames)
    {
        using var spool = new MemoryStream();
        foreach (var (old, payload) in frames)
        {
            var header = old;
            header.Length = payload.Length;
            header.Checksum = Crc32C.Append(header.CrcOfHead, payload);
            spool.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<FrameHeader>(in header)));
            spool.Write(payload);
        }
        return spool.ToArray();
    }
}
