using Faultrec.Analyzer.Text;
using Google.Protobuf;

namespace Faultrec.Analyzer.Export;

/// <summary>A protobuf message that is written field by field and reused. Its contents are valid until <see cref="Clear"/>.</summary>
internal sealed class ProtoMessage : IDisposable
{
    private readonly MemoryStream _bytes = new();
    private readonly CodedOutputStream _output;

    public ProtoMessage() => _output = new CodedOutputStream(_bytes, leaveOpen: true);

    public ProtoMessage Clear()
    {
        _output.Flush();
        _bytes.SetLength(0);
        return this;
    }

    public ProtoMessage Number(int field, ulong value)
    {
        _output.WriteTag(field, WireFormat.WireType.Varint);
        _output.WriteUInt64(value);
        return this;
    }

    /// <summary>An int32 of proto: a negative one has ten bytes.</summary>
    public ProtoMessage Number(int field, int value) => Number(field, (ulong)(long)value);

    /// <summary>The text is made inert, because tools that print the results of a query over the file escape nothing.</summary>
    public ProtoMessage Text(int field, string value)
    {
        _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        _output.WriteString(Escape.Visible(value));
        return this;
    }

    public ProtoMessage Bytes(int field, byte[] value)
    {
        _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        _output.WriteBytes(ByteString.CopyFrom(value));
        return this;
    }

    public ProtoMessage Message(int field, ProtoMessage value)
    {
        value._output.Flush();
        var bytes = value._bytes.GetBuffer().AsSpan(0, (int)value._bytes.Length);
        _output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        _output.WriteLength(bytes.Length);
        // WriteRawBytes, which takes spans, is the library's own: bytes go through the stream instead.
        _output.Flush();
        _bytes.Write(bytes);
        return this;
    }

    public void CopyTo(Stream stream)
    {
        _output.Flush();
        stream.Write(_bytes.GetBuffer(), 0, (int)_bytes.Length);
    }

    public void Dispose()
    {
        _output.Dispose();
        _bytes.Dispose();
    }
}
