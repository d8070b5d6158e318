namespace Faultrec.Live.Tests;

/// <summary>Damaged and malicious ELF files as the code of a recorded program; the recorder is root.</summary>
public sealed class HostileElfTests : LiveTest
{
    private const int Files = 60;

    [Fact]
    public void NoFileIsMoreThanAnOffsetAndAWarning()
    {
        var folder = Directory.CreateDirectory(Folder["code"]).FullName;
        var (original, random) = (File.ReadAllBytes(Checkout.Fixture("callchain")), new Random(17));
        for (var i = 0; i < Files; i++)
        {
            var bytes = original.ToArray();
            // Headers are where most of the meaning is.
            for (var changes = 1 << random.Next(8); changes > 0; changes--)
                bytes[random.Next(2) == 0 ? random.Next(64) : random.Next(bytes.Length)] = (byte)random.Next(256);
            File.WriteAllBytes(Path.Combine(folder, $"{i:000}"), i % 4 == 0 ? bytes[..random.Next(1, bytes.Length)] : bytes);
        }

        var result = Running.ToEnd(InFolder, Checkout.Faultrec, "record", "--stacks", "-o", TracePath, "--", Checkout.Fixture("map_code"), folder);

        Assert.Equal(0, result.Status);
        var (said, rows) = (Said(result.Output), Rows.Read(TracePath));
        Assert.True(rows.Receipt.Complete);
        Assert.Equal(Files, (int)said["files"]!);
        var touched = rows.In(Address(said, "start"), 1);
        Assert.Equal(Files, touched.Count);
        var (table, recording) = (rows.Metadata.Stacks!, rows.Metadata.StackRecording!);
        var inFiles = touched.SelectMany(row => table.FramesOf(row.StackId!.Value))
            .Where(frame => frame.Module is { } module && table.Modules[module].Path.StartsWith(folder, StringComparison.Ordinal)).ToList();
        Assert.InRange(inFiles.Count, Files, int.MaxValue);
        Assert.NotEmpty(recording.Warnings);
        Assert.Equal(0, Running.ToEnd(Checkout.Faultrec, "report", TracePath).Status);
    }
}
