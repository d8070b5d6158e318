using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using Faultrec.Recorder.Symbols;
using Faultrec.Recorder.Tests.Support;
using Xunit;

namespace Faultrec.Recorder.Tests.Symbols;

/// <summary>
/// Damaged and malicious ELF files through libdw, as the recorder calls it. FAULTREC_FUZZ_ROUNDS=100000 runs for longer; the seed is
/// fixed, and a file that made libdw crash is kept where FAULTREC_FUZZ_KEEP says.
/// </summary>
public sealed class ElfFuzzTests(ITestOutputHelper output)
{
    private const int Rounds = 1500;
    private const int RoundsAWorker = 250;

    [Theory]
    [InlineData("")]
    [InlineData("--compress-debug-sections=zlib")]
    [InlineData("--strip-debug")]
    public void NoFileIsMoreThanABadOne(string objcopy)
    {
        Assert.SkipUnless(ElfExecutable.IsBuilt, ElfExecutable.WhyNot);
        using var folder = new TempFolder();
        var path = folder.File("original");
        File.Copy(ElfExecutable.Program, path);
        if (objcopy.Length > 0)
            Process.Start("objcopy", [objcopy, path])!.WaitForExit();
        var original = File.ReadAllBytes(path);
        var mutations = new Mutations(original, seed: 5);
        var (worker, ended) = (new ElfWorker(debugFiles: null), 0);
        var (answered, refused, clock) = (0, new SortedDictionary<string, int>(), Stopwatch.StartNew());
        var rounds = int.Parse(Environment.GetEnvironmentVariable("FAULTREC_FUZZ_ROUNDS") ?? $"{Rounds}", CultureInfo.InvariantCulture);
        var addresses = CodeAddresses(worker, path);
        for (var round = 0; round < rounds; round++)
        {
            // It keeps what it has opened.
            if (round % RoundsAWorker == 0)
            {
                ended += worker.Crashes;
                worker.Dispose();
                worker = new ElfWorker(debugFiles: null);
            }
            var (file, crashes) = (folder.File("mutated"), worker.Crashes);
            File.WriteAllBytes(file, mutations.Next(round));
            answered += Try(() => worker.MakeUnwindTable(file, file), refused) + Try(() => Ask(worker, file, addresses), refused);
            if (worker.Crashes > crashes && Environment.GetEnvironmentVariable("FAULTREC_FUZZ_KEEP") is { } keep)
                File.Copy(file, Path.Combine(keep, $"crash-{round}"), overwrite: true);
            File.Delete(file);
        }
        ended += worker.Crashes;

        output.WriteLine($"{rounds} files in {clock.Elapsed.TotalSeconds:0.0} s: {answered} of {2 * rounds} questions answered, {ended} ended libdw");
        foreach (var (message, count) in refused)
            output.WriteLine($"{count,6} {message}");
        Assert.InRange(answered, 1, 2 * rounds);
        Assert.Contains(Names(worker, path, addresses), name => name.Function == "main");
        worker.Dispose();
    }

    static ElfFuzzTests() => ServiceProcess.Command = [ElfExecutable.Path];

    private static int Try(Action question, SortedDictionary<string, int> refused)
    {
        try
        {
            question();
            return 1;
        }
        catch (BadElfException e)
        {
            refused[e.Message] = refused.GetValueOrDefault(e.Message) + 1;
            return 0;
        }
    }

    private static void Ask(ElfWorker worker, string path, IReadOnlyList<ulong> addresses)
    {
        var (module, _, _) = worker.Open(path, path, 0);
        foreach (var address in addresses)
            Assert.NotEmpty(worker.Find(module, address));
    }

    private static List<CodeName> Names(ElfWorker worker, string path, IReadOnlyList<ulong> addresses)
    {
        var module = worker.Open(path, path, 0).Module;
        return [.. addresses.SelectMany(address => worker.Find(module, address))];
    }

    private static List<ulong> CodeAddresses(ElfWorker worker, string path)
        => [.. worker.MakeUnwindTable(path, path).Rows.Select(row => row.Pc + 1UL)];

    /// <summary>Cut off at every length step, bytes and whole words flipped in the headers and in each section, sizes and counts made huge.</summary>
    private sealed class Mutations(byte[] original, int seed)
    {
        private static readonly ulong[] _extremes = [0, 1, 0x7fff_ffff, 0xffff_ffff, 0x7fff_ffff_ffff_ffff, ulong.MaxValue, 1UL << 40, ulong.MaxValue - 0xfff];

        private readonly Random _random = new(seed);
        private readonly List<(int Start, int Length)> _places = Places(original);

        public byte[] Next(int round)
        {
            var step = Math.Max(original.Length / 200, 1);
            if (round * step < original.Length)
                return original[..(round * step)];
            var bytes = original.ToArray();
            var changes = 1 << _random.Next(6);
            var (start, length) = _places[_random.Next(_places.Count)];
            for (var i = 0; i < changes; i++)
            {
                var at = start + _random.Next(length);
                if (_random.Next(3) > 0)
                    bytes[at] = (byte)_random.Next(256);
                else if (at + 8 <= bytes.Length)
                    BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(at & ~3), _extremes[_random.Next(_extremes.Length)]);
            }
            return bytes;
        }

        // The ELF header, the program headers, the section headers, and each section's contents: equally often, however small.
        private static List<(int Start, int Length)> Places(byte[] elf)
        {
            var sections = (int)BinaryPrimitives.ReadUInt64LittleEndian(elf.AsSpan(0x28));
            int count = BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(0x3c)), programs = BinaryPrimitives.ReadUInt16LittleEndian(elf.AsSpan(0x38));
            var places = new List<(int, int)> { (0, 64), (64, programs * 56), (sections, count * 64), (sections, count * 64) };
            for (var i = 1; i < count; i++)
            {
                var header = elf.AsSpan(sections + i * 64, 64);
                var (start, length) = ((int)BinaryPrimitives.ReadUInt64LittleEndian(header[0x18..]), (int)BinaryPrimitives.ReadUInt64LittleEndian(header[0x20..]));
                if (length > 0 && start + length <= elf.Length)
                    places.Add((start, length));
            }
            return places;
        }
    }
}
