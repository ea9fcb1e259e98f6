"""What several pages share: charts, colours, images, forms and panels."""
