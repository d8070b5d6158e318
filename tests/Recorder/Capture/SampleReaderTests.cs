using System.Buffers.Binary;
using Faultrec.Recorder.Native;
using Faultrec.Recorder.Perf;
using Xunit;

namespace Faultrec.Recorder.Tests.Capture;

/// <summary>Rings of perf samples, byte by byte as the kernel writes them (perf_event_open(2)), and as it never should.</summary>
public sealed class SampleReaderTests
{
    private const int Pid = 100;
    private readonly FaultRecord[] _faults = new FaultRecord[16];
    private SampleTotals _totals;

    [Fact]
    public void ALongerSampleIsAMajorFault()
    {
        byte[] ring = [.. Sample(1, 0x7000), .. Sample(2, 0x8fff, isMajor: true), .. Sample(3, 0x9000, misc: PerfEvent.MiscKernel)];

        Assert.Equal(3, Read(new SampleReader(hasId: false, weight: 7), ring));

        Assert.Equal([(1, 0x7000L), (2, 0x8fffL), (3, 0x9000L)], _faults.Take(3).Select(fault => ((int)fault.StartNs, fault.Address)));
        Assert.Equal(
            [FaultBits.NoEntry, FaultBits.NoEntry | FaultBits.Major, FaultBits.NoEntry | FaultBits.KernelIp], _faults.Take(3).Select(fault => fault.Bits));
        Assert.All(_faults.Take(3), fault => Assert.Equal((Pid, Pid, 0x401000L, 7), (fault.Pid, fault.Tid, fault.Ip, fault.Weight)));
        Assert.Equal(new SampleTotals { Minor = 2, Major = 1 }, _totals);
    }

    /// <summary>The ring may end anywhere in a record, but for its first eight bytes.</summary>
    [Fact]
    public void ARecordMayWrapAnywhere()
    {
        byte[] ring = [.. Sample(1, 0x7000), .. Sample(2, 0x8000, isMajor: true), .. Lost(5), .. Sample(3, 0x9000)];
        for (var end = 0; end <= ring.Length; end += 8)
        {
            _totals = default;
            Assert.Equal(3, Read(new SampleReader(hasId: false, 1), ring, end));
            Assert.Equal([0x7000L, 0x8000, 0x9000], _faults.Take(3).Select(fault => fault.Address));
            Assert.Equal(new SampleTotals { Lost = 5, Minor = 2, Major = 1 }, _totals);
        }
    }

    [Fact]
    public void AFullBufferIsContinued()
    {
        byte[] ring = [.. Enumerable.Range(0, 40).SelectMany(i => Sample(i, 0x1000 * i))];
        var reader = new SampleReader(hasId: false, 1);
        var position = 0;

        var counts = Enumerable.Range(0, 4).Select(_ => reader.Read(ring, default, ref position, _faults, ref _totals)).ToList();

        Assert.Equal([16, 16, 8, 0], counts);
        Assert.Equal(39, _faults[7].StartNs);
    }

    /// <summary>Two events of ours on one thread: each fault comes twice, with another id, in whatever order.</summary>
    [Fact]
    public void AFaultToldByTwoEventsIsTakenOnce()
    {
        byte[] ring =
        [
            .. Sample(10, 0x7000, id: 1), .. Sample(11, 0x7000, id: 2),
            .. Sample(20, 0x8000, id: 2), .. Sample(21, 0x8000, id: 1),
            // The same instruction faults again at the same page: told in the other order.
            .. Sample(30, 0x8000, id: 1), .. Sample(31, 0x8000, id: 2),
            .. Sample(40, 0x9000, id: 4, isMajor: true), .. Sample(41, 0x9000, id: 3, isMajor: true),
        ];

        Assert.Equal(4, Read(new SampleReader(hasId: true, 1), ring));

        Assert.Equal([10L, 20, 31, 40], _faults.Take(4).Select(fault => fault.StartNs));
        Assert.Equal(new SampleTotals { Minor = 3, Major = 1, LeftOutMinor = 3, LeftOutMajor = 1 }, _totals);
    }

    /// <summary>Since Linux 6.3 both samples have the id and the time of whichever event came first.</summary>
    [Fact]
    public void AFaultToldByTwoEventsWithOneIdIsTakenOnce()
    {
        byte[] ring =
        [
            .. Sample(10, 0x7000, id: 1), .. Sample(10, 0x7000, id: 1),
            // The same instruction faults again at the same page: the other event comes first.
            .. Sample(20, 0x7000, id: 2), .. Sample(20, 0x7000, id: 2),
            .. Sample(30, 0x7000, id: 2), .. Sample(30, 0x7000, id: 2),
        ];

        Assert.Equal(3, Read(new SampleReader(hasId: true, 1), ring));

        Assert.Equal([10L, 20, 30], _faults.Take(3).Select(fault => fault.StartNs));
        Assert.Equal(new SampleTotals { Minor = 3, LeftOutMinor = 3 }, _totals);
    }

    [Fact]
    public void FaultsOfOneEventOrOfTwoThreadsAreNeverTheSame()
    {
        byte[] ring = [.. Sample(10, 0x7000, id: 1), .. Sample(11, 0x7000, id: 1), .. Sample(12, 0x7000, id: 2, tid: 101)];

        Assert.Equal(3, Read(new SampleReader(hasId: true, 1), ring));

        Assert.Equal(new SampleTotals { Minor = 3 }, _totals);
    }

    /// <summary>A pair may be cut by the end of what was there when the ring was read.</summary>
    [Fact]
    public void ThePairIsRecognizedAcrossReads()
    {
        var reader = new SampleReader(hasId: true, 1);

        Assert.Equal(1, Read(reader, Sample(10, 0x7000, id: 1)));
        Assert.Equal(0, Read(reader, Sample(11, 0x7000, id: 2)));

        Assert.Equal(1, _totals.LeftOutMinor);
    }

    [Fact]
    public void TheProcessThatIsLeftOutIsCounted()
    {
        byte[] ring = [.. Sample(1, 0x7000), .. Sample(2, 0x8000, pid: 55), .. Sample(3, 0x9000)];

        Assert.Equal(2, Read(new SampleReader(hasId: false, 1, excludedPid: 55), ring));

        Assert.Equal(new SampleTotals { Minor = 2, Excluded = 1 }, _totals);
    }

    [Fact]
    public void WhatCameBeforeTheBeginIsLeftOut()
    {
        byte[] ring = [.. Sample(9, 0x7000), .. Sample(9, 0x8000, isMajor: true), .. Sample(10, 0x9000)];

        Assert.Equal(1, Read(new SampleReader(hasId: false, 1) { BeginNs = 10 }, ring));

        Assert.Equal(new SampleTotals { Minor = 1, LeftOutMinor = 1, LeftOutMajor = 1 }, _totals);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(48)]
    [InlineData(65528)]
    public void WhatCannotBeARecordEndsTheReading(int size)
    {
        byte[] ring = [.. Sample(1, 0x7000), .. Sample(2, 0x8000)];
        BinaryPrimitives.WriteUInt16LittleEndian(ring.AsSpan(40 + 6), (ushort)size);

        Assert.Equal(1, Read(new SampleReader(hasId: false, 1), ring));
    }

    [Fact]
    public void RecordsThatAreNotOursArePassedOver()
    {
        byte[] ring =
        [
            .. Record(PerfRecordType.Sample, 0, new byte[8]), // too short for a sample of ours
            .. Record(PerfRecordType.Sample, 0, new byte[48]), // one field more than any
            .. Record(PerfRecordType.Lost, 0, new byte[8]),
            .. Record((PerfRecordType)5, 0, new byte[24]), // THROTTLE
            .. Record((PerfRecordType)200, 0, new byte[4000]),
            .. Sample(1, 0x7000),
        ];

        for (var end = 0; end <= ring.Length; end += 8)
        {
            _totals = default;
            Assert.Equal(1, Read(new SampleReader(hasId: false, 1), ring, end));
            Assert.Equal(new SampleTotals { Minor = 1 }, _totals);
        }
    }

    [Fact]
    public void NoiseNeverThrows()
    {
        var random = new Random(1);
        for (var round = 0; round < 20_000; round++)
        {
            var ring = new byte[random.Next(64) * 8];
            random.NextBytes(ring);
            // Sizes that can be, so that more than the first header is looked at.
            for (var at = 0; at < ring.Length; at += 8)
                BinaryPrimitives.WriteUInt16LittleEndian(ring.AsSpan(at + 6), (ushort)random.Next(80));
            var position = 0;
            var split = random.Next(ring.Length / 8 + 1) * 8;
            Assert.InRange(
                new SampleReader(round % 2 == 0, 1).Read(ring.AsSpan(0, split), ring.AsSpan(split), ref position, _faults, ref _totals), 0, _faults.Length);
            Assert.InRange(position, 0, ring.Length);
        }
    }

    private int Read(SampleReader reader, byte[] ring, int? end = null)
    {
        var position = 0;
        var split = end ?? ring.Length;
        return reader.Read(ring.AsSpan(0, split), ring.AsSpan(split), ref position, _faults, ref _totals);
    }

    private static byte[] Sample(long timeNs, long address, bool isMajor = false, ushort misc = 2, long id = 0, int pid = Pid, int tid = Pid)
    {
        var body = new byte[32 + (id != 0 ? 8 : 0) + (isMajor ? 8 : 0)];
        BinaryPrimitives.WriteInt64LittleEndian(body, 0x401000);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(8), pid);
        BinaryPrimitives.WriteInt32LittleEndian(body.AsSpan(12), tid);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(16), timeNs);
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(24), address);
        if (id != 0)
            BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(32), id);
        return Record(PerfRecordType.Sample, misc, body);
    }

    private static byte[] Lost(long count)
    {
        var body = new byte[16];
        BinaryPrimitives.WriteInt64LittleEndian(body.AsSpan(8), count);
        return Record(PerfRecordType.Lost, 0, body);
    }

    private static byte[] Record(PerfRecordType type, ushort misc, byte[] body)
    {
        var record = new byte[8 + body.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(record, (uint)type);
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(4), misc);
        BinaryPrimitives.WriteUInt16LittleEndian(record.AsSpan(6), (ushort)record.Length);
        body.CopyTo(record, 8);
        return record;
    }
}
