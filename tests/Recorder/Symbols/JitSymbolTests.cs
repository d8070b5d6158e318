using System.Buffers.Binary;
using System.Text;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>What runtimes write of the code they make, and what a hostile one could write.</summary>
public sealed class JitSymbolTests
{
    private const long Ever = long.MaxValue;

    [Theory]
    [InlineData("uint8[] [app] Touch::Arrays(int32)[OptimizedTier1OSR]", "Touch.Arrays(int)", null, null)]
    [InlineData("void [Program] Program::Handle(class Request)[OptimizedTier1]", "Program.Handle(Request)", null, null)]
    [InlineData("instance void [shop] Shop.Cart`1[System.__Canon]::Add(!0,valuetype Shop.Money&)[Tier0]", "Shop.Cart<T>.Add(T, ref Shop.Money)", null, null)]
    [InlineData("class [System.Runtime]System.String [shop] Shop.Names::Of(class System.Collections.Generic.List`1<string[]>,uint8*)[QuickJitted]",
        "Shop.Names.Of(System.Collections.Generic.List<string[]>, byte*)", null, null)]
    [InlineData("instance void [shop] Shop.Cart::.ctor(int64)[Tier0]", "new Shop.Cart(long)", null, null)]
    [InlineData("instance void [shop] Shop.Cart+<LoadAsync>d__3`1[System.Int32]::MoveNext()[OptimizedTier1]", "Shop.Cart.LoadAsync()", null, null)]
    [InlineData("instance int32 [shop] Shop.Cart+<>c__DisplayClass8_0::<Sum>b__0(int32)[OptimizedTier1]", "Shop.Cart.Sum.lambda(int)", null, null)]
    [InlineData("void [shop] Program::<<Main>$>g__Fill|0_1(int32)[OptimizedTier1]", "Program.Main.Fill(int)", null, null)]
    [InlineData("void [shop] Program::<Main>$(string[])[Tier0]", "Program.Main(string[])", null, null)]
    [InlineData("void Fill.fill(int)", "Fill.fill(int)", null, null)]
    [InlineData("java.lang.Object[] java.util.ArrayList.grow(int)", "java.util.ArrayList.grow(int)", null, null)]
    [InlineData("Lshop/Cart;add([[ILjava/lang/String;J)V", "shop.Cart.add(int[][], java.lang.String, long)", null, null)]
    [InlineData("I2C/C2I adapters(0xbaab)", "I2C/C2I adapters(0xbaab)", null, null)]
    [InlineData("Lshop;broken(Q)V", "Lshop;broken(Q)V", null, null)]
    [InlineData("JS:*touchArrays /srv/a b/touch.js:2:21", "touchArrays", "/srv/a b/touch.js", 2)]
    [InlineData("JS:~ node:internal/main:1:1", "(anonymous)", "node:internal/main", 1)]
    [InlineData("LazyCompile:~get size /srv/x.js:7:3", "get size", "/srv/x.js", 7)]
    [InlineData("Builtin:RecordWrite", "Builtin:RecordWrite", null, null)]
    [InlineData("py::Shop.sell:/srv/shop.py", "Shop.sell", "/srv/shop.py", null)]
    [InlineData("stub Create<Helper>", "stub Create<Helper>", null, null)]
    public void ANameIsTakenApart(string text, string function, string? file, int? line)
        => Assert.Equal(new JitName(function, file, line), JitName.Parse(text));

    [Fact]
    public void TheLineThatWasWrittenLastCountsWhereItCovers()
    {
        var table = Map("1000 100 first\n0x1080 100 second\n1040 10 third\n", out var damaged);

        Assert.Equal(0, damaged);
        Assert.Equal(
            [null, "first", "third", "first", "second", "second", null],
            new ulong[] { 0xfff, 0x1000, 0x1040, 0x1050, 0x1080, 0x117f, 0x1180 }.Select(address => table.Find(address, Ever)?.Name));
    }

    /// <summary>The map was 21 bytes long at 100, and 43 at 200 and after: a fault meets the lines that were there, not those that came after it.</summary>
    [Fact]
    public void ALineThatCameLaterNamesNoFaultFromBefore()
    {
        const string first = "1000 100 first0000000\n", second = "1000 100 second000000\n", third = "2000 100 third0000000\n";
        var lengths = new PerfMapLengths();
        lengths.Note(0, 50);
        lengths.Note(first.Length, 100);
        lengths.Note(first.Length, 150);
        lengths.Note(first.Length + second.Length, 200);
        lengths.Note(first.Length + second.Length, 250);

        var table = PerfMap.Read(new MemoryStream(Encoding.UTF8.GetBytes(first + second + third)), lengths, out _);

        // The second may have come right after the look at 150; the third came after the last look.
        Assert.Equal(["first0000000", "first0000000", "second000000", "second000000"],
            new long[] { 1, 149, 150, 300 }.Select(time => table.Find(0x1010, time)!.Name));
        Assert.Equal([null, "third0000000"], new long[] { 249, 250 }.Select(time => table.Find(0x2010, time)?.Name));
        Assert.Equal([0, 1, 2], new long[] { 149, 150, 250 }.Select(table.VersionAt));
    }

    /// <summary>A Java machine writes it when it ends.</summary>
    [Fact]
    public void AMapThatWasWrittenAtOnceNamesAllOfTheTimeBefore()
    {
        var lengths = new PerfMapLengths();
        lengths.Note(8192, 900);

        var table = PerfMap.Read(new MemoryStream("1000 100 method\n"u8.ToArray()), lengths, out _);

        Assert.Equal("method", table.Find(0x1010, 10)?.Name);
    }

    [Fact]
    public void DamagedLinesAreCountedAndTheRestIsRead()
    {
        var tooLong = new string('x', 200_000);
        var table = Map(
            "1000 10 good\nnonsense\n2000 zz bad\n3000 0 empty\nffffffffffffffff 10 over\n4000 ffffffff huge\n\n"
            + $"5000 10 {tooLong}\n6000 10 last\n7000 10 half", out var damaged);

        Assert.Equal(8, damaged);
        Assert.Equal(["good", "last"], new ulong[] { 0x1000, 0x6000 }.Select(address => table.Find(address, Ever)!.Name));
        Assert.Equal(2, table.Count);
    }

    [Fact]
    public void AnAddressThatWasUsedTooOftenIsNotNamed()
    {
        var text = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"{0x1000 + i:x} 100000 code{i}\n"));

        Assert.Null(Map(text, out _).Find(0x90000, Ever));
    }

    [Fact]
    public void CodeOfADumpHasItsTime()
    {
        var table = new DumpFile().Load(100, 1, 0x1000, 0x100, "first").Load(200, 2, 0x1000, 0x80, "second").Move(300, 1, 0x1000, 0x9000, 0x100)
            .Read(out var damaged);

        Assert.Equal(0, damaged);
        Assert.Equal([null, "first", "first", "second"], new long[] { 99, 100, 199, 200 }.Select(time => table.Find(0x1010, time)?.Name));
        Assert.Equal([null, "first"], new long[] { 299, 300 }.Select(time => table.Find(0x90ff, time)?.Name));
        Assert.Equal([0, 1, 1, 2, 3], new long[] { 99, 100, 199, 200, 999 }.Select(table.VersionAt));
    }

    [Fact]
    public void LinesMoveWithTheirCode()
    {
        var table = new DumpFile().Lines(0x1000, (0x1000, 5, "a.js"), (0x1010, 7, "\xff"), (0x1020, 9, "b.js")).Load(100, 1, 0x1000, 0x100, "f")
            .Move(200, 1, 0x1000, 0x3000, 0x100).Read(out _);

        Assert.Equal(
            [new JitLine(0x3000, "a.js", 5), new JitLine(0x3010, "a.js", 7), new JitLine(0x3020, "b.js", 9)],
            table.Find(0x3050, Ever)!.Lines);
    }

    [Fact]
    public void NoDamagedDumpIsMoreThanCounted()
    {
        var file = new DumpFile().Lines(0x1000, (0x1000, 5, "a.js")).Load(100, 1, 0x1000, 0x100, "f").Move(200, 1, 0x1000, 0x3000, 0x100);
        var random = new Random(7);
        for (var round = 0; round < 3000; round++)
        {
            var bytes = file.Bytes.ToArray();
            if (round < bytes.Length)
                Array.Resize(ref bytes, round);
            else
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            try
            {
                Assert.InRange(DumpFile.Read(bytes, out _).Count, 0, 2);
            }
            catch (BadElfException)
            {
            }
        }
    }

    private static JitCodeTable Map(string text, out long damaged) => PerfMap.Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), null, out damaged);

    /// <summary>Writes jitdump records.</summary>
    private sealed class DumpFile
    {
        public List<byte> Bytes { get; } = [];

        public DumpFile()
        {
            Add(0x4A695444u, 1u, 40u, 62u, 0u, 1234u, 0UL, 0UL);
        }

        public DumpFile Load(ulong timeNs, ulong index, ulong address, ulong size, string name)
        {
            var text = Encoding.UTF8.GetBytes(name + '\0');
            Add(0u, (uint)(16 + 40 + text.Length) + (uint)size, timeNs, 1u, 1u, address, address, size, index);
            Bytes.AddRange(text);
            Bytes.AddRange(new byte[size]);
            return this;
        }

        public DumpFile Move(ulong timeNs, ulong index, ulong from, ulong to, ulong size)
        {
            Add(1u, 16u + 48, timeNs, 1u, 1u, to, from, to, size, index);
            return this;
        }

        public DumpFile Lines(ulong code, params (ulong Address, int Line, string File)[] lines)
        {
            var texts = lines.Select(line => Encoding.Latin1.GetBytes(line.File + '\0')).ToArray();
            Add(2u, (uint)(16 + 16 + texts.Sum(text => 16 + text.Length)), 0UL, code, (ulong)lines.Length);
            for (var i = 0; i < lines.Length; i++)
            {
                Add(lines[i].Address, (uint)lines[i].Line, 0u);
                Bytes.AddRange(texts[i]);
            }

            return this;
        }

        public JitCodeTable Read(out long damaged) => Read([.. Bytes], out damaged);

        public static JitCodeTable Read(byte[] bytes, out long damaged)
        {
            using var folder = new TempFolder();
            File.WriteAllBytes(folder.File("jit-1.dump"), bytes);
            using var file = File.OpenHandle(folder.File("jit-1.dump"));
            return JitDump.Read(file, out damaged);
        }

        private void Add(params ReadOnlySpan<object> values)
        {
            var bytes = new byte[8];
            foreach (var value in values)
            {
                if (value is uint small)
                    BinaryPrimitives.WriteUInt32LittleEndian(bytes, small);
                else
                    BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)value);
                Bytes.AddRange(bytes[..(value is uint ? 4 : 8)]);
            }
        }
    }
}
