namespace Faultrec.Cli.Output;

/// <summary>Of what a verb writes; each takes some of them.</summary>
internal enum ReportFormat
{
    Text,
    Json,
    Markdown,
    Csv,
}
